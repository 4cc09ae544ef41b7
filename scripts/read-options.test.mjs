import assert from 'node:assert/strict'
import { test } from 'node:test'
import ts from 'typescript'
import { isSame, OptionReader, parseSelection, splitDefault } from './read-options.mjs'

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
  assert.deepEqual(reader.rows('Options', { without: ['onOutage'] }).map(describe), [
    'key / string / required / The key.',
    'ttl / number | string / 5 s / How long it lives.',
  ])
  assert.equal(reader.rows('Missing'), undefined)
  assert.deepEqual(reader.wrongDefaults(), [
    "the default of Options.ttl is '6s', but the docstring says 5 s.",
    "the default of Options.onOutage is 'a', but the docstring says none.",
  ])
})

test('selects rows by option and by interface, and expands groups', () => {
  const reader = readerOf(`
    interface Policy {
      /** The ttl. */
      readonly ttl?: number
      /** The jitter. */
      readonly jitter?: number
    }
    interface Options extends Policy {
      /** How often. */
      readonly retry?: {
        /** The attempts. Default 8. */
        readonly attempts?: number
        /** The pauses. */
        readonly pause?: {
          /** The first. */
          readonly first: number
        }
      }
      /**
       * The name.
       *
       * - 'a': one.
       * - 'b': two.
       */
      readonly name?: string
    }`)
  const names = (selection) =>
    reader.rows('Options', parseSelection(selection)).map(({ name }) => name)
  assert.deepEqual(names(''), ['retry', 'name', 'ttl', 'jitter'])
  assert.deepEqual(names(', without name, Policy, keep ttl'), ['retry', 'ttl'])
  assert.deepEqual(names('without Policy expand retry'), ['retry.attempts', 'retry.pause', 'name'])
  assert.deepEqual(names(', expand retry,\n  retry.pause, without Policy'), [
    'retry.pause.first',
    'retry.attempts',
    'name',
  ])
  assert.equal(reader.rows('Options', { expand: ['retry'] })[0].fallback, '8')
  assert.equal(reader.rows('Options')[1].description, "The name. 'a': one. 'b': two.")
  assert.throws(() => parseSelection(', only name'), /"only" is not one of/)
})

test('shortens types', () => {
  const reader = readerOf(`
    interface Options<R extends Rules> {
      readonly rules: R
      readonly keys: readonly string[]
      readonly breaker: {
        readonly failures?: number
        readonly cooldown?: string;
      }
      readonly store: (id: Id, patch: Patch, context: Context) => Promise<Row | undefined>
      readonly merge: (row: NonNullable<Row>) => Row
      readonly columns: Readonly<Record<string, string>>
      readonly source: { query(text: string, values: any[], name: string): Promise<unknown> }
      onError(): void
    }`)
  assert.deepEqual(
    reader.rows('Options').map(({ type }) => type),
    [
      'Rules',
      'string[]',
      '{ failures?: number; cooldown?: string }',
      '(id, patch, context) => …',
      '(row: Row) => Row',
      'Record<string, string>',
      'object',
      'function',
    ],
  )
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
