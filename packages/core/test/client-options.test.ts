import { describe, expect, it } from 'vitest'
import {
  InvalidOptionError,
  createCacheClient,
  defineScript,
  type ClientOptions,
  type Driver,
} from '../src/index.js'

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
