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

/** The timeouts are so long that a machine that is busy with other tests does not exceed them. */
const settings = {
  namespace: 'shop',
  resilience: { readTimeout: '5s', writeTimeout: '5s' },
} as const

/** Runs a suite on every driver and topology. The servers are flushed before each test. */
export const onEveryDriver = suitesOn(drivers, (driver, options?: ClientOptions) =>
  createCacheClient(driver, { ...settings, ...options }),
)
