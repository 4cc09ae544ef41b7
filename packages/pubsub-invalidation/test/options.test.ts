import { InvalidOptionError, createCacheClient, type Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import {
  createInvalidationBus,
  createInvalidator,
  createTrackingBus,
  drop,
  withNearCache,
} from '../src/index.js'

const untouched = (): never => {
  throw new Error('nothing is to be sent')
}
const driver: Driver = {
  name: 'none',
  topology: 'standalone',
  send: untouched,
  group: untouched,
  dedicate: untouched,
  subscribe: untouched,
  nodes: untouched,
  close: async () => undefined,
}
const client = createCacheClient(driver)
const onCluster = createCacheClient({ ...driver, topology: 'cluster' })
const bus = {
  publish: untouched,
  on: untouched,
  ready: untouched,
  close: untouched,
  internals: { client, freshUntil: -Infinity },
}
/** Its messages come from another server, or by another connection, than the commands go to. */
const elsewhere = { ...bus, internals: { client: createCacheClient({ ...driver }) } }
const ofAnotherNamespace = {
  ...bus,
  internals: { client: createCacheClient(driver, { namespace: 'shop' }) },
}

const factories: Readonly<
  Record<
    string,
    {
      readonly make: (options: never) => unknown
      readonly right: object
      readonly wrong: readonly [option: string, value: unknown][]
    }
  >
> = {
  createInvalidationBus: {
    make: createInvalidationBus,
    right: { client },
    wrong: [
      ['client', undefined],
      ['client', {}],
      ['channel', ''],
      ['channel', 5],
      ['heartbeat', 0],
      ['heartbeat', '1 s'],
      ['onGap', 'ignore'],
      ['onGap', true],
      ['chanel', 'x'],
    ],
  },
  'createInvalidationBus on a Cluster': {
    make: createInvalidationBus,
    right: { client: onCluster },
    wrong: [['onGap', 'replay']],
  },
  createTrackingBus: {
    make: createTrackingBus,
    right: { client },
    wrong: [
      ['client', 'redis'],
      ['prefixes', 'shop:'],
      ['prefixes', ['']],
      ['prefixes', ['a', 5]],
      ['prefixes', ['shop:', 'shop:product:']],
      ['prefixes', ['shop:', 'shop:']],
      ['channel', ''],
      ['heartbeat', -1],
      ['onGap', 'replay'],
    ],
  },
  withNearCache: {
    make: (options: never) => withNearCache(client, options),
    right: { bus },
    wrong: [
      ['bus', undefined],
      ['bus', {}],
      ['bus', { ...bus, internals: undefined }],
      ['bus', elsewhere],
      ['bus', ofAnotherNamespace],
      ['maxEntries', 0],
      ['maxEntries', 1.5],
      ['maxEntries', 2 ** 24 + 1],
      ['maxEntries', '10'],
      ['maxBytes', 0],
      ['maxBytes', '64 MB'],
      ['maxBytes', NaN],
      ['ttl', 0],
      ['ttl', '30 sec'],
      ['clone', 'yes'],
      ['freeze', 1],
      ['groups', ['a']],
      ['max', 5],
    ],
  },
  createInvalidator: {
    make: createInvalidator,
    right: { client, bus, rules: { 'user.deleted': (id: number) => [drop(['user', id])] } },
    wrong: [
      ['client', undefined],
      ['bus', {}],
      ['bus', elsewhere],
      ['bus', ofAnotherNamespace],
      ['rules', undefined],
      ['rules', null],
      ['rules', []],
      ['rules', 'user.deleted'],
      ['rules.user.deleted', undefined],
      ['rule', {}],
    ],
  },
}

describe.each(Object.entries(factories))('%s', (_, { make, right, wrong }) => {
  it.each(wrong)('refuses a wrong %s (%j) at once, naming it', (option, value) => {
    const options =
      option === 'rules.user.deleted'
        ? { ...right, rules: { 'user.deleted': value } }
        : { ...right, [option]: value }
    const attempt = (): unknown => make(options as never)
    expect(attempt).toThrow(InvalidOptionError)
    expect(attempt).toThrow(`"${option}"`)
  })

  it.each([undefined, null, 'a', []])('refuses %j for options', (options) => {
    expect(() => make(options as never)).toThrow(InvalidOptionError)
  })
})

it.each([undefined, {}, 'redis://localhost'])('withNearCache refuses %j for a client', (wrong) => {
  expect(() => withNearCache(wrong as never, { bus } as never)).toThrow(InvalidOptionError)
})
