import { createCacheClient, type CacheClient, type ClientOptions, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import type { DriverFactories, MatrixOptions } from '@cache/testkit'
import { suitesOn, type Bench } from '@cache/testkit/suites'
import { afterEach, expect } from 'vitest'

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

/** The timeouts are long enough for a machine that is busy with other tests. */
const clientOptions = {
  namespace: 'shop',
  resilience: { readTimeout: '5s', writeTimeout: '5s' },
} as const

const onServers = suitesOn(drivers, (driver, options?: ClientOptions) =>
  createCacheClient(driver, { ...clientOptions, ...options }),
)

/**
 * Runs a suite on every driver and topology. The servers are emptied before each test, and after
 * each test every key must have a ttl.
 */
export function onEveryServer(
  suite: (bench: Bench<CacheClient, ClientOptions>) => void,
  options?: MatrixOptions,
): void {
  onServers((bench) => {
    afterEach(async () => {
      for (const key of await bench.keys()) expect(await bench.ask('PTTL', key), key).not.toBe(-1)
    })
    suite(bench)
  }, options)
}

/** Returns the keys without a ttl on the only server of a client. */
export async function keysWithoutTtl(client: CacheClient): Promise<string[]> {
  const keys = (await client.send({ args: ['KEYS', '*'], keys: ['any'] })) as string[]
  const ttls = await Promise.all(
    keys.map((key) => client.send({ args: ['PTTL', key], keys: [key] })),
  )
  return keys.filter((_, i) => ttls[i] === -1)
}
