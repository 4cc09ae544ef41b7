import { createCacheClient, type ClientOptions, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import type { DriverFactories } from '@cache/testkit'
import { suitesOn } from '@cache/testkit/suites'

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

/** Deadlines that a machine does not miss while it runs other tests. */
const settings = {
  namespace: 'shop',
  resilience: { readTimeout: '5s', writeTimeout: '5s' },
} as const

/** Runs a suite on every driver and topology, on servers that are emptied before each test. */
export const onEach = suitesOn(drivers, (driver, options?: ClientOptions) =>
  createCacheClient(driver, { ...settings, ...options }),
)
