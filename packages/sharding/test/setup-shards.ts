import { createCacheClient, type CacheClient, type ClientOptions, type Driver } from '@cache/core'
import { startRedis, type RedisOptions, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { shardedDriver, type ShardedDriver, type ShardedDriverOptions } from '../src/index.js'
import { driverOf, type Name, type OpenClient } from './drivers.js'

/** Deadlines that a machine does not miss while it is busy with other tests. */
export const PATIENT: ClientOptions = { resilience: { readTimeout: '20s', writeTimeout: '20s' } }

/** The servers of a test file, and drivers for them on clients of both libraries. */
export interface TestShards {
  readonly servers: Readonly<Record<Name, RedisServer>>
  /**
   * Creates a driver of one server on its own client: ioredis for a and c, node-redis for b and d.
   */
  driverAt(name: Name): Driver
  /** Creates a sharded driver on its own clients. To Redis it looks like another process. */
  driver(names?: readonly Name[], options?: Omit<ShardedDriverOptions, 'shards'>): ShardedDriver
  /**
   * Returns the shards for a reshard of a driver: the ones it has, and others on their own clients.
   */
  shardsOf(driver: ShardedDriver, names: readonly Name[]): Record<string, Driver>
  client(driver: Driver, options?: ClientOptions): CacheClient
  /** Returns a key that is on a shard. */
  keyAt(name: Name, driver: ShardedDriver, prefix?: string): string
}

/** Starts servers for the tests of a file. They are emptied before each test. */
export function setupShards(...names: readonly Name[]): () => TestShards {
  return setupShardsWith(names, {})
}

/** Like `setupShards`, with options for the servers. */
export function setupShardsWith(names: readonly Name[], options: RedisOptions): () => TestShards {
  const servers = {} as Record<Name, RedisServer>
  const clients: OpenClient[] = []
  const drivers: Driver[] = []
  const shardsByDriver = new Map<Driver, Record<string, Driver>>()
  const driverAt = (name: Name): Driver => driverOf(servers[name].url, name, clients)
  const testShards: TestShards = {
    servers,
    driverAt,
    driver(shardNames = ['a', 'b', 'c'], driverOptions = {}) {
      const shards = Object.fromEntries(shardNames.map((name) => [name, driverAt(name)]))
      const driver = shardedDriver({ ...driverOptions, shards })
      drivers.push(driver)
      shardsByDriver.set(driver, shards)
      return driver
    },
    shardsOf(driver, shardNames) {
      const present = shardsByDriver.get(driver)!
      const shards = Object.fromEntries(
        shardNames.map((name) => [name, present[name] ?? driverAt(name)]),
      )
      shardsByDriver.set(driver, shards)
      return shards
    },
    client: (driver, clientOptions) => createCacheClient(driver, { ...PATIENT, ...clientOptions }),
    keyAt: (name, driver, prefix = 'key') => {
      for (let i = 0; ; i++) if (driver.shardOf(`${prefix}:${i}`) === name) return `${prefix}:${i}`
    },
  }
  beforeAll(async () => {
    await Promise.all(
      names.map(async (name) => {
        servers[name] = await startRedis(options)
      }),
    )
  })
  beforeEach(async () => {
    for (const server of Object.values(servers)) {
      if (options.clock) await server.setClock(0)
      if (!server.running) await server.restart()
      await server.resume()
      await server.empty()
      await server.flush()
    }
  })
  afterAll(async () => {
    await Promise.all(drivers.map((driver) => driver.close()))
    for (const client of clients) await client.close()
    await Promise.all(Object.values(servers).map((server) => server.stop()))
  })
  return () => testShards
}
