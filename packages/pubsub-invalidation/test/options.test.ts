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
  throw new Error('nothing may be sent')
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
/** A bus with another driver: its messages may come from another server than commands go to. */
const withOtherDriver = { ...bus, internals: { client: createCacheClient({ ...driver }) } }
const withOtherNamespace = {
  ...bus,
  internals: { client: createCacheClient(driver, { namespace: 'shop' }) },
}

const factories: Readonly<
  Record<
    string,
    {
      readonly create: (options: never) => unknown
      readonly valid: object
      readonly invalid: readonly [option: string, value: unknown][]
    }
  >
> = {
  createInvalidationBus: {
    create: createInvalidationBus,
    valid: { client },
    invalid: [
      ['client', undefined],
      ['client', {}],
      ['channel', ''],
      ['channel', 5],
      ['heartbeat', 0],
      ['heartbeat', '1 apple'],
      ['onGap', 'ignore'],
      ['onGap', true],
      ['chanel', 'x'],
    ],
  },
  'createInvalidationBus on a Cluster': {
    create: createInvalidationBus,
    valid: { client: onCluster },
    invalid: [['onGap', 'replay']],
  },
  createTrackingBus: {
    create: createTrackingBus,
    valid: { client },
    invalid: [
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
    create: (options: never) => withNearCache(client, options),
    valid: { bus },
    invalid: [
      ['bus', undefined],
      ['bus', {}],
      ['bus', { ...bus, internals: undefined }],
      ['bus', withOtherDriver],
      ['bus', withOtherNamespace],
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
    create: createInvalidator,
    valid: { client, bus, rules: { 'user.deleted': (id: number) => [drop(['user', id])] } },
    invalid: [
      ['client', undefined],
      ['bus', {}],
      ['bus', withOtherDriver],
      ['bus', withOtherNamespace],
      ['rules', undefined],
      ['rules', null],
      ['rules', []],
      ['rules', 'user.deleted'],
      ['rules.user.deleted', undefined],
      ['rule', {}],
    ],
  },
}

describe.each(Object.entries(factories))('%s', (_, { create, valid, invalid }) => {
  it.each(invalid)('refuses an invalid %s (%j), naming the option', (option, value) => {
    const options =
      option === 'rules.user.deleted'
        ? { ...valid, rules: { 'user.deleted': value } }
        : { ...valid, [option]: value }
    const attempt = (): unknown => create(options as never)
    expect(attempt).toThrow(InvalidOptionError)
    expect(attempt).toThrow(`"${option}"`)
  })

  it.each([undefined, null, 'a', []])('refuses %j for options', (options) => {
    expect(() => create(options as never)).toThrow(InvalidOptionError)
  })
})

it.each([undefined, {}, 'redis://localhost'])(
  'withNearCache refuses %j for a client',
  (invalidClient) => {
    expect(() => withNearCache(invalidClient as never, { bus } as never)).toThrow(
      InvalidOptionError,
    )
  },
)
