import { createCacheClient, type CacheClient, type ClientOptions, type Driver } from '@cache/core'
import { startRedis, type RedisOptions, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { shardedDriver, type ShardedDriver, type ShardedDriverOptions } from '../src/index.js'
import { driverOf, type Name } from './servers.js'

/** Deadlines that a machine busy with other tests does not miss. */
export const PATIENT: ClientOptions = { resilience: { readTimeout: '20s', writeTimeout: '20s' } }

/** Servers, each with drivers on clients of either kind. */
export interface Stage {
  readonly servers: Readonly<Record<Name, RedisServer>>
  /**
   * A driver of one server, on a client of its own: ioredis for a and c, node-redis for b and d.
   */
  driverAt(name: Name): Driver
  /** A sharded driver, on clients of its own: another process, as far as Redis can tell. */
  driver(names?: readonly Name[], options?: Omit<ShardedDriverOptions, 'shards'>): ShardedDriver
  /** What a driver is to change to: the shards it has, and others on clients of their own. */
  shardsOf(driver: ShardedDriver, names: readonly Name[]): Record<string, Driver>
  client(driver: Driver, options?: ClientOptions): CacheClient
  /** A key that is on a shard. */
  keyAt(name: Name, driver: ShardedDriver, start?: string): string
}

/** Servers for the tests of a file, emptied before each. */
export function stage(...names: readonly Name[]): () => Stage {
  return stageOf(names, {})
}

export function stageOf(names: readonly Name[], options: RedisOptions): () => Stage {
  const servers = {} as Record<Name, RedisServer>
  const clients: { end(): unknown }[] = []
  const drivers: Driver[] = []
  const given = new Map<Driver, Record<string, Driver>>()
  const driverAt = (name: Name): Driver => driverOf(servers[name].url, name, clients)
  const made: Stage = {
    servers,
    driverAt,
    driver(those = ['a', 'b', 'c'], options = {}) {
      const shards = Object.fromEntries(those.map((name) => [name, driverAt(name)]))
      const driver = shardedDriver({ ...options, shards })
      drivers.push(driver)
      given.set(driver, shards)
      return driver
    },
    shardsOf(driver, those) {
      const before = given.get(driver)!
      const shards = Object.fromEntries(those.map((name) => [name, before[name] ?? driverAt(name)]))
      given.set(driver, shards)
      return shards
    },
    client: (driver, options) => createCacheClient(driver, { ...PATIENT, ...options }),
    keyAt: (name, driver, start = 'key') => {
      for (let i = 0; ; i++) if (driver.shardOf(`${start}:${i}`) === name) return `${start}:${i}`
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
    for (const client of clients) await client.end()
    await Promise.all(Object.values(servers).map((server) => server.stop()))
  })
  return () => made
}
