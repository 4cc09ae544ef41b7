import { describe, expect, it } from 'vitest'
import {
  InvalidOptionError,
  createCacheClient,
  defineScript,
  type ClientOptions,
  type Driver,
} from '../src/index.js'
import { checkOptions } from '../src/internal.js'

const driver = {
  name: 'none',
  topology: 'standalone',
  send: () => [],
  group: () => [],
  nodes: async () => [],
  subscribe: () => Promise.reject(new Error()),
  dedicate: () => Promise.reject(new Error()),
  close: async () => undefined,
} as Driver

describe('createCacheClient refuses, by name', () => {
  it.each([
    ['namespace', { namespace: '' }],
    ['namespace', { namespace: 7 }],
    ['namespace', { namespace: 'a\nb' }],
    ['namespace', { namespace: '{' }],
    ['resilience', { resilience: 1 }],
    ['resilience', { resilience: [] }],
    ['resilience.timeout', { resilience: { timeout: 1 } }],
    ['resilience.readTimeout', { resilience: { readTimeout: 0 } }],
    ['resilience.readTimeout', { resilience: { readTimeout: '1 x' } }],
    ['resilience.writeTimeout', { resilience: { writeTimeout: NaN } }],
    ['resilience.maxInFlight', { resilience: { maxInFlight: 0 } }],
    ['resilience.maxInFlight', { resilience: { maxInFlight: 1.5 } }],
    ['resilience.maxInFlight', { resilience: { maxInFlight: '9' } }],
    ['resilience.breaker', { resilience: { breaker: true } }],
    ['resilience.breaker.failures', { resilience: { breaker: { failures: 0 } } }],
    ['resilience.breaker.cooldown', { resilience: { breaker: { cooldown: -1 } } }],
    ['resilience.breaker.failure', { resilience: { breaker: { failure: 2 } } }],
    ['namespaces', { namespaces: 'a' }],
  ])('%s: %j', (name, options) => {
    expect(() => createCacheClient(driver, options as ClientOptions)).toThrow(
      expect.objectContaining({ option: name, code: 'INVALID_OPTION' }),
    )
  })

  it.each([undefined, null, {}, 'redis://localhost', { send: () => [] }])(
    'a driver that is none: %j',
    (bad) => {
      expect(() => createCacheClient(bad as unknown as Driver)).toThrow(/"driver" must be a driver/)
    },
  )

  it.each([null, 'a', [], 7])('values that are not options: %j', (bad) => {
    expect(() => createCacheClient(driver, bad as unknown as ClientOptions)).toThrow(
      InvalidOptionError,
    )
  })
})

describe('the checks of options', () => {
  const of = (options: Record<string, unknown>) =>
    checkOptions('make', options, Object.keys(options))

  it('say what was expected and received, and no value that could be a secret', () => {
    expect(() => of({ n: '5' }).number('n', { min: 1, max: 9, integer: true })).toThrow(
      'Option "n" must be a whole number from 1 to 9, but is "5".',
    )
    expect(() => of({ n: -1 }).number('n', { min: 0 })).toThrow(
      'Option "n" must be a number of at least 0, but is number -1.',
    )
    expect(() => of({ n: 5 }).number('n', { max: 4 })).toThrow('a number of at most 4')
    expect(() => of({ f: 1 }).function('f')).toThrow(
      'Option "f" must be a function, but is number 1.',
    )
    expect(() => of({ s: 'x'.repeat(100) }).oneOf('s', ['a', 'b'])).toThrow(
      'one of "a", "b", but is a string of 100 characters',
    )
    expect(() => of({ s: '' }).string('s')).toThrow('a non-empty string')
    expect(() => of({ c: {} }).shaped('c', ['get'], 'a client')).toThrow(
      'Option "c" must be a client, but is an object.',
    )
    expect(() =>
      of({ a: { b: { c: 0 } } })
        .nested('a', ['b'])
        .nested('b', ['c'])
        .duration('c'),
    ).toThrow('"a.b.c"')
  })

  it('return defaults for missing options, and none for required ones', () => {
    const check = checkOptions('make', {}, [])
    expect([
      check.number('n', { min: 1 }, 5),
      check.string('s', 'x'),
      check.oneOf('o', ['a'], 'a'),
      check.duration('d', 7),
      check.duration('d', undefined),
      check.function('f'),
    ]).toEqual([5, 'x', 'a', 7, undefined, undefined])
    expect(() => check.number('n', { min: 1 })).toThrow(InvalidOptionError)
    expect(() => check.string('s')).toThrow(InvalidOptionError)
    expect(() => check.duration('d')).toThrow(InvalidOptionError)
    expect(() => check.function('f', 'required')).toThrow(InvalidOptionError)
  })

  it('refuse unknown names, including inherited-looking ones', () => {
    expect(() => checkOptions('make', { ttl: 1, tll: 2 }, ['ttl'])).toThrow(
      'Option "tll" must be one of ttl.',
    )
    expect(() => checkOptions('make', JSON.parse('{"__proto__": 1}'), ['ttl'])).toThrow('__proto__')
  })
})

describe('defineScript refuses', () => {
  it.each([
    ['lua', { lua: '' }],
    ['lua', { lua: 'redis.call("GET", KEYS[1])' }],
    ['lua', { lua: 7 }],
    ['parse', { parse: 'Number' }],
  ])('%s: %j', (name, wrong) => {
    expect(() =>
      defineScript({ name: 'x', lua: 'return 1', parse: Number, ...(wrong as object) }),
    ).toThrow(expect.objectContaining({ option: name }))
  })
})
