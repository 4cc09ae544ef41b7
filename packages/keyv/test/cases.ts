import {
  createCacheClient,
  type CacheClient,
  type ClientOptions,
  type Command,
  type Driver,
} from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import type { DriverFactories } from '@cache/testkit'
import { suitesOn } from '@cache/testkit/suites'
import { Keyv as Keyv5 } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import { createKeyvStore, type KeyvStoreOptions } from '../src/index.js'

const drivers: DriverFactories<Driver> = {
  ioredis: ioredisDriver,
  'node-redis': nodeRedisDriver,
  sharded: ([a, b, c]) =>
    shardedDriver({ shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) } }),
  memory: () => {
    const server = new MemoryServer()
    return { driver: () => memoryDriver({ server }), flush: () => server.flush() }
  },
}

/** Deadlines that a machine busy with other tests does not miss. */
const settings = {
  namespace: 'shop',
  resilience: { readTimeout: '5s', writeTimeout: '5s' },
} as const

interface TestClientOptions extends ClientOptions {
  /** Gets the commands that the client sends. */
  readonly sent?: Command[]
  readonly wrap?: (driver: Driver) => Driver
}

/** Runs a suite on every driver and topology, on servers that are emptied before each test. */
export const onEach = suitesOn(drivers, (driver, options: TestClientOptions = {}) => {
  const { sent, wrap = (each) => each, ...clientOptions } = options
  return createCacheClient(wrap(sent ? recording(driver, sent) : driver), {
    ...settings,
    ...clientOptions,
  })
})

function recording(driver: Driver, sent: Command[]): Driver {
  return {
    ...driver,
    send: (commands, options) => {
      sent.push(...commands)
      return driver.send(commands, options)
    },
    nodes: async () =>
      (await driver.nodes()).map((node) => ({
        ...node,
        send: (commands, ...rest) => {
          sent.push(...commands)
          return node.send(commands, ...rest)
        },
      })),
  }
}

/** What both versions of Keyv have in common, as far as the tests need it. */
export interface AnyKeyv {
  get(key: string): Promise<any>
  getMany(keys: string[]): Promise<any[]>
  set(key: string, value: unknown, ttl?: number): Promise<boolean>
  setMany(entries: { key: string; value: unknown; ttl?: number }[]): Promise<boolean[]>
  delete(key: string): Promise<boolean>
  deleteMany(keys: string[]): Promise<boolean | boolean[]>
  has(key: string): Promise<boolean>
  hasMany(keys: string[]): Promise<boolean[]>
  clear(): Promise<void>
  entries(): AsyncIterable<[string, any]>
  disconnect(): Promise<void>
  readonly errors: unknown[]
}

export interface AnyKeyvOptions extends Partial<KeyvStoreOptions> {
  readonly namespace?: string
}

/** Creates a Keyv of each version that this Node runs, over a store of its own. */
export const versions: readonly {
  readonly version: number
  create(client: CacheClient, options?: AnyKeyvOptions): AnyKeyv
}[] = [
  {
    version: 5,
    create: (client, { namespace, ...options } = {}) => {
      const store = createKeyvStore({ client, prefix: 'keyv', ...options })
      // Without a namespace, Keyv 5 takes a part away from the keys of its iterator all the same.
      const keyv = namespace
        ? new Keyv5({ store, namespace })
        : new Keyv5({ store, namespace: '', useKeyPrefix: false })
      return withErrors(keyv, () => keyv.iterator!(undefined))
    },
  },
  {
    version: 6,
    create: (client, { namespace, ...options } = {}) => {
      const store = createKeyvStore({ client, prefix: 'keyv', ...options })
      const keyv = new Keyv6({ store, ...(namespace && { namespace }) })
      return withErrors(keyv, () => keyv.iterator())
    },
  },
]

function withErrors(keyv: Keyv5 | Keyv6, entries: () => AsyncIterable<any>): AnyKeyv {
  const errors: unknown[] = []
  ;(keyv as { on(event: string, listener: (error: unknown) => void): unknown }).on(
    'error',
    (error) => errors.push(error),
  )
  return Object.assign(keyv as object, { errors, entries }) as AnyKeyv
}

/** Returns all entries of a Keyv, sorted by key. */
export async function entriesOf(keyv: AnyKeyv): Promise<[string, unknown][]> {
  const entries: [string, unknown][] = []
  for await (const entry of keyv.entries()) entries.push(entry)
  return entries.sort(([a], [b]) => (a < b ? -1 : 1))
}

/**
 * Returns the keys of values, sorted. A client that has resent commands leaves a mark beside a
 * value for a minute, so that a command that arrives late changes nothing.
 */
export async function valueKeys(bench: { keys(): Promise<string[]> }): Promise<string[]> {
  return (await bench.keys()).filter((key) => !key.endsWith('}:intents'))
}
