import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError } from '../src/index.js'
import {
  choiceOption,
  customOption,
  durationOption,
  flagOption,
  functionOption,
  givenOption,
  groupOption,
  numberOption,
  objectOption,
  readOptions,
  required,
  signalOption,
  sizeOption,
  textOption,
  type Option,
} from '../src/internal.js'

/** Reads `value` by an option, as `given` and as `nest.given`. */
type Read = <C>(option: Option<C>, value: unknown) => C
const places: readonly (readonly [path: string, read: Read])[] = [
  [
    'given',
    (option, value) =>
      readOptions('createThing', { given: option }, { given: value }).given as never,
  ],
  [
    'nest.given',
    (option, value) =>
      readOptions(
        'createThing',
        { nest: groupOption({ given: option }) },
        { nest: { given: value } },
      ).nest.given as never,
  ],
]

const table = { given: givenOption(), nest: groupOption({ given: givenOption() }) }
const read = (options: unknown): unknown => readOptions('createThing', table, options)

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

describe('readOptions', () => {
  it.each([[undefined], [null], [5], ['ttl'], [true], [[]], [['ttl']], [() => ({})]])(
    'refuses %o instead of options, naming their owner',
    (options) => refused('createThing', () => read(options), 'an object of options'),
  )

  it('refuses an unknown name, and lists the known ones', () => {
    refused('givne', () => read({ givne: 1 }), 'given, nest')
    refused('nest.givne', () => read({ nest: { givne: 1 } }), 'given')
    refused('givne', () => read({ givne: undefined }))
    refused('__proto__', () => read(JSON.parse('{"__proto__":1}')))
    refused('constructor', () => read({ constructor: 1 }))
  })

  it('does not show a name that may be a secret in the wrong place', () => {
    refused('?', () => read({ 'redis://admin:hunter2@db': 1 }))
  })

  it('accepts options without a prototype, and of a class', () => {
    const given = { given: durationOption(required) }
    const bare = Object.assign(Object.create(null), { given: '5s' }) as object
    expect(readOptions('createThing', given, bare)).toEqual({ given: 5_000 })
    class Options {
      given = 5
    }
    expect(readOptions('createThing', given, new Options())).toEqual({ given: 5 })
  })

  it('returns every option of the table', () => {
    expect(read({})).toEqual({ given: undefined, nest: { given: undefined } })
  })
})

describe.each(places)('%s:', (path, of) => {
  it('duration', () => {
    expect(of(durationOption(required), '5s')).toBe(5_000)
    expect(of(durationOption(7), undefined)).toBe(7)
    expect(of(durationOption('2m'), undefined)).toBe(120_000)
    expect(of(durationOption(), undefined)).toBeUndefined()
    expect(of(durationOption(undefined, { allowFalse: true }), false)).toBeUndefined()
    for (const wrong of [undefined, null, 0, 'soon', {}, false])
      refused(path, () => of(durationOption(required), wrong), 'a duration')
    for (const wrong of [null, 0, '', NaN, false])
      refused(path, () => of(durationOption(7), wrong), 'a duration')
    expect(of(durationOption('1s', { min: 10 }), 10)).toBe(10)
    refused(path, () => of(durationOption('1s', { min: 10 }), 9), 'a duration of at least 10 ms')
  })

  it('size', () => {
    expect(of(sizeOption('4kb'), undefined)).toBe(4_096)
    expect(of(sizeOption('4kb'), 7)).toBe(7)
    for (const wrong of [null, 0, '', 'big']) refused(path, () => of(sizeOption('4kb'), wrong))
  })

  it('number', () => {
    const share = numberOption({ min: 0, max: 1 }, 0.3)
    expect(of(share, 0.5)).toBe(0.5)
    expect(of(share, 0)).toBe(0)
    expect(of(share, 1)).toBe(1)
    expect(of(share, undefined)).toBe(0.3)
    expect(of(numberOption({}), Infinity)).toBe(Infinity)
    expect(of(numberOption({}), undefined)).toBeUndefined()
    for (const wrong of [-0.1, 1.1, NaN, Infinity, '0.5', null, {}, [0.5], 1n])
      refused(path, () => of(share, wrong), 'a number from 0 to 1')
    for (const wrong of [1.5, 2 ** 53, Infinity, NaN, 0])
      refused(
        path,
        () => of(numberOption({ min: 1, integer: true }, required), wrong),
        'a whole number of at least 1',
      )
    refused(path, () => of(numberOption({ max: 7 }), 8), 'a number of at most 7')
    refused(path, () => of(numberOption({}, required), undefined), 'a number, but is undefined')
  })

  it('choice and flag', () => {
    expect(of(choiceOption(['a', 'b'], required), 'b')).toBe('b')
    expect(of(choiceOption(['a', false], 'a'), false)).toBe(false)
    expect(of(choiceOption(['a', 'b'], 'a'), undefined)).toBe('a')
    expect(of(choiceOption(['a', 'b']), undefined)).toBeUndefined()
    for (const wrong of [undefined, 'c', 'A', '', null, 0, ['a']])
      refused(path, () => of(choiceOption(['a', 'b'], required), wrong), 'one of "a", "b"')
    expect(of(flagOption(true), undefined)).toBe(true)
    expect(of(flagOption(true), false)).toBe(false)
    for (const wrong of ['true', 0, null])
      refused(path, () => of(flagOption(true), wrong), 'one of true, false')
  })

  it('text', () => {
    expect(of(textOption(required), 'x')).toBe('x')
    expect(of(textOption('y'), undefined)).toBe('y')
    expect(of(textOption(), undefined)).toBeUndefined()
    for (const wrong of [undefined, '', 5, null, {}, new String('x')])
      refused(path, () => of(textOption(required), wrong), 'a non-empty string')
    refused(path, () => of(textOption('y'), ''))
  })

  it('function', () => {
    const own = (): void => undefined
    const other = (): void => undefined
    expect(of(functionOption(), own)).toBe(own)
    expect(of(functionOption(required), own)).toBe(own)
    expect(of(functionOption(), undefined)).toBeUndefined()
    expect(of(functionOption(other), undefined)).toBe(other)
    for (const wrong of [null, true, 'f', {}, 0])
      refused(path, () => of(functionOption(), wrong), 'a function')
    refused(path, () => of(functionOption(required), undefined), 'a function')
  })

  it('object', () => {
    const client = { send: () => 1, close: () => 2 }
    const callable = Object.assign(() => 1, client)
    const option = objectOption(['send', 'close'], 'a client', required)
    class Client {
      send(): void {}
      close(): void {}
    }
    for (const valid of [client, callable, new Client()]) expect(of(option, valid)).toBe(valid)
    for (const wrong of [undefined, null, {}, { send: () => 1 }, 'send', 5, true])
      refused(path, () => of(option, wrong), 'a client')
    expect(of(objectOption(['send'], 'a client'), undefined)).toBeUndefined()
    const { signal } = new AbortController()
    expect(of(signalOption(), signal)).toBe(signal)
    refused(path, () => of(signalOption(), {}), 'an AbortSignal')
  })

  it('group', () => {
    const option = groupOption({ deep: durationOption(5) })
    expect(of(option, { deep: '1m' })).toEqual({ deep: 60_000 })
    expect(of(option, undefined)).toEqual({ deep: 5 })
    refused(`${path}.deep`, () => of(option, { deep: 'soon' }))
    refused(`${path}.deep`, () => of(groupOption({ deep: durationOption(required) }), undefined))
    refused(`${path}.dep`, () => of(option, { dep: 1 }))
    for (const wrong of [5, 'x', true, [], () => 1, null])
      refused(path, () => of(option, wrong), 'an object of options')
  })

  it('custom', () => {
    const option = customOption((value, where) => `${where} is ${String(value)}`)
    expect(of(option, 5)).toBe(`${path} is 5`)
    expect(of(option, undefined)).toBe(`${path} is undefined`)
  })

  it('shows no long text, which may be a secret', () => {
    const secret = 'postgres://admin:hunter2@db.internal:5432/shop?sslmode=require'
    try {
      of(durationOption(required), secret)
      expect.unreachable()
    } catch (error) {
      expect(inspect(error)).not.toContain('hunter2')
      expect((error as Error).message).toContain(`a string of ${secret.length} characters`)
    }
  })
})
