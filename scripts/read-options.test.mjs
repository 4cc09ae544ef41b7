import assert from 'node:assert/strict'
import { test } from 'node:test'
import ts from 'typescript'
import { isSame, OptionReader, splitDefault } from './read-options.mjs'

test('splits the default off a docstring', () => {
  assert.deepEqual(splitDefault('How long. Default 5 s.'), { fallback: '5 s', rest: 'How long.' })
  assert.deepEqual(splitDefault('A. Default: the `x.y` of b. C.'), {
    fallback: 'the `x.y` of b',
    rest: 'A. C.',
  })
  assert.deepEqual(splitDefault('The share. Default 0.2.'), { fallback: '0.2', rest: 'The share.' })
  assert.deepEqual(splitDefault('Has a part (default 1).'), {
    fallback: undefined,
    rest: 'Has a part (default 1).',
  })
})

test('compares defaults of docstrings and of code', () => {
  const same = [
    ['5 s', "'5s'"],
    ['1 min', "'1m'"],
    ['10 000', '10_000'],
    ["'lease'", "'lease'"],
    ['`true`', 'true'],
    ["'8mb'", "'8mb'"],
    ['0.2', '0.2'],
  ]
  for (const [text, literal] of same) assert.ok(isSame(text, literal), `${text} ${literal}`)
  const different = [
    ['5 s', "'5m'"],
    ['5', "'5s'"],
    ['none', "'reject'"],
    ['true', 'false'],
  ]
  for (const [text, literal] of different) assert.ok(!isSame(text, literal), `${text} ${literal}`)
})

test('reads interfaces, and finds a default that the docstring does not name', () => {
  const reader = readerOf(`
    interface Base {
      /** The key. */
      readonly key: string
    }
    interface Options extends Base {
      /** How long it lives. Default 5 s. */
      readonly ttl?: number | string
      /** What happens. */
      readonly onOutage?: 'a' | 'b'
    }
    const options = {
      key: givenOption(),
      ttl: durationOption('6s'),
      onOutage: choiceOption(['a', 'b'], 'a'),
    } satisfies OptionTable<Options>`)
  const describe = ({ name, type, fallback, description }) =>
    [name, type, fallback, description].join(' / ')
  assert.deepEqual(reader.rows('Options', ['onOutage']).map(describe), [
    'ttl / number | string / 5 s / How long it lives.',
    'key / string / required / The key.',
  ])
  assert.equal(reader.rows('Missing'), undefined)
  assert.deepEqual(reader.wrongDefaults(), [
    "the default of Options.ttl is '6s', but the docstring says 5 s.",
    "the default of Options.onOutage is 'a', but the docstring says none.",
  ])
})

function readerOf(text) {
  const source = ts.createSourceFile('options.ts', text, ts.ScriptTarget.Latest, true)
  const host = ts.createCompilerHost({})
  const program = ts.createProgram(
    ['options.ts'],
    { noLib: true },
    { ...host, getSourceFile: (name) => (name === 'options.ts' ? source : undefined) },
  )
  return new OptionReader(program.getTypeChecker(), [source])
}
