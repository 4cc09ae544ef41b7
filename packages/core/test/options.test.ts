import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../src/index.js'
import { checkOptions, type OptionChecks } from '../src/internal.js'

const known = ['given', 'nest']
/** The checks of `{ given: value }`, and of `{ nest: { given: value } }`. */
const places: readonly (readonly [path: string, of: (value: unknown) => OptionChecks])[] = [
  ['given', (value) => checkOptions('createThing', { given: value }, known)],
  [
    'nest.given',
    (value) =>
      checkOptions('createThing', { nest: { given: value } }, known).nested('nest', ['given']),
  ],
]

function refused(path: string, check: () => unknown, expected?: string): void {
  try {
    check()
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option: path, code: 'INVALID_OPTION' })
    expect((error as Error).message).toContain(`"${path}"`)
    if (expected !== undefined) expect((error as Error).message).toContain(expected)
    return
  }
  expect.unreachable(`${path} was taken`)
}

describe('checkOptions', () => {
  it.each([[undefined], [null], [5], ['ttl'], [true], [[]], [['ttl']], [() => ({})]])(
    'refuses %o instead of options, naming their owner',
    (options) => {
      refused(
        'createThing',
        () => checkOptions('createThing', options, known),
        'an object of options',
      )
    },
  )

  it('refuses an unknown name, and lists the known ones', () => {
    refused('givne', () => checkOptions('createThing', { givne: 1 }, known), 'given, nest')
    refused(
      'nest.givne',
      () => checkOptions('createThing', { nest: { givne: 1 } }, known).nested('nest', ['given']),
      'given',
    )
    refused('givne', () => checkOptions('createThing', { givne: undefined }, known))
    refused('__proto__', () => checkOptions('createThing', JSON.parse('{"__proto__":1}'), known))
    refused('constructor', () => checkOptions('createThing', { constructor: 1 }, known))
  })

  it('accepts options without a prototype, and of a class', () => {
    expect(
      checkOptions(
        'createThing',
        Object.assign(Object.create(null), { given: '5s' }),
        known,
      ).duration('given'),
    ).toBe(5_000)
    expect(
      checkOptions(
        'createThing',
        new (class {
          given = 5
        })(),
        known,
      ).duration('given'),
    ).toBe(5)
  })
})

describe.each(places)('%s:', (path, of) => {
  it('has', () => {
    expect(of(0).has('given')).toBe(true)
    expect(of(null).has('given')).toBe(true)
    expect(of(undefined).has('given')).toBe(false)
  })

  it('fail names the option, the expected and the received value', () => {
    refused(
      path,
      () => of('x').fail('given', 'something else'),
      `Option "${path}" must be something else, but is a string of 1 characters.`,
    )
  })

  it('duration', () => {
    expect(of('5s').duration('given')).toBe(5_000)
    expect(of(undefined).duration('given', 7)).toBe(7)
    expect(of(undefined).duration('given', undefined)).toBeUndefined()
    for (const wrong of [undefined, null, 0, 'soon', {}])
      refused(path, () => of(wrong).duration('given'), 'a duration')
    for (const wrong of [null, 0, '', NaN])
      refused(path, () => of(wrong).duration('given', 7), 'a duration')
  })

  it('number', () => {
    expect(of(0.5).number('given', { min: 0, max: 1 })).toBe(0.5)
    expect(of(0).number('given', { min: 0, max: 1 }, 0.3)).toBe(0)
    expect(of(1).number('given', { min: 0, max: 1 })).toBe(1)
    expect(of(undefined).number('given', { min: 0, max: 1 }, 0.3)).toBe(0.3)
    expect(of(Infinity).number('given', {})).toBe(Infinity)
    for (const wrong of [-0.1, 1.1, NaN, Infinity, '0.5', null, {}, [0.5], 1n])
      refused(
        path,
        () => of(wrong).number('given', { min: 0, max: 1 }, 0.3),
        'a number from 0 to 1',
      )
    for (const wrong of [1.5, 2 ** 53, Infinity, NaN, 0])
      refused(
        path,
        () => of(wrong).number('given', { min: 1, integer: true }),
        'a whole number of at least 1',
      )
    refused(path, () => of(8).number('given', { max: 7 }), 'a number of at most 7')
    refused(path, () => of(undefined).number('given', {}), 'a number, but is undefined')
  })

  it('oneOf', () => {
    expect(of('b').oneOf('given', ['a', 'b'])).toBe('b')
    expect(of(false).oneOf('given', ['a', false], 'a')).toBe(false)
    expect(of(undefined).oneOf('given', ['a', 'b'], 'a')).toBe('a')
    for (const wrong of [undefined, 'c', 'A', '', null, 0, ['a']])
      refused(path, () => of(wrong).oneOf('given', ['a', 'b']), 'one of "a", "b"')
  })

  it('string', () => {
    expect(of('x').string('given')).toBe('x')
    expect(of(undefined).string('given', 'y')).toBe('y')
    for (const wrong of [undefined, '', 5, null, {}, new String('x')])
      refused(path, () => of(wrong).string('given'), 'a non-empty string')
    refused(path, () => of('').string('given', 'y'))
  })

  it('function', () => {
    const own = (): void => undefined
    expect(of(own).function('given')).toBe(own)
    expect(of(own).function('given', 'required')).toBe(own)
    expect(of(undefined).function('given')).toBeUndefined()
    for (const wrong of [null, true, 'f', {}, 0])
      refused(path, () => of(wrong).function('given'), 'a function')
    refused(path, () => of(undefined).function('given', 'required'), 'a function')
  })

  it('shaped', () => {
    const client = { send: () => 1, close: () => 2 }
    const callable = Object.assign(() => 1, client)
    expect(of(client).shaped('given', ['send', 'close'], 'a client')).toBe(client)
    expect(of(callable).shaped('given', ['send', 'close'], 'a client')).toBe(callable)
    expect(
      of(
        new (class {
          send(): void {}
          close(): void {}
        })(),
      ).shaped('given', ['send', 'close'], 'a client'),
    ).toBeDefined()
    for (const wrong of [undefined, null, {}, { send: () => 1 }, 'send', 5, true])
      refused(path, () => of(wrong).shaped('given', ['send', 'close'], 'a client'), 'a client')
  })

  it('nested', () => {
    const inner = of({ deep: '1m' }).nested('given', ['deep'])
    expect(inner.duration('deep')).toBe(60_000)
    expect(of(undefined).nested('given', ['deep']).duration('deep', 5)).toBe(5)
    refused(`${path}.deep`, () => of({ deep: 'soon' }).nested('given', ['deep']).duration('deep'))
    refused(`${path}.deep`, () => of({}).nested('given', ['deep']).duration('deep'))
    refused(`${path}.dep`, () => of({ dep: 1 }).nested('given', ['deep']))
    for (const wrong of [5, 'x', true, [], () => 1])
      refused(path, () => of(wrong).nested('given', ['deep']), 'an object of options')
  })

  it('shows no long text, which may be a secret', () => {
    const secret = 'postgres://admin:hunter2@db.internal:5432/shop?sslmode=require'
    try {
      of(secret).duration('given')
      expect.unreachable()
    } catch (error) {
      expect(inspect(error)).not.toContain('hunter2')
      expect((error as Error).message).toContain(`a string of ${secret.length} characters`)
    }
  })
})
