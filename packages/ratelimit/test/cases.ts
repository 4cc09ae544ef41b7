import { createCacheClient, type CacheClient, type ClientOptions, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { shardedDriver } from '@cache/sharding'
import type { DriverFactories, MatrixOptions } from '@cache/testkit'
import { suitesOn, type Bench } from '@cache/testkit/suites'
import { afterEach, expect } from 'vitest'

const drivers: DriverFactories<Driver> = {
  ioredis: ioredisDriver,
  'node-redis': nodeRedisDriver,
  sharded: ([a, b, c]) =>
    shardedDriver({ shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) } }),
}

/** Deadlines that a machine busy with other tests does not miss. */
const settings = {
  namespace: 'shop',
  resilience: { readTimeout: '5s', writeTimeout: '5s' },
} as const

const onServers = suitesOn(drivers, (driver, options?: ClientOptions) =>
  createCacheClient(driver, { ...settings, ...options }),
)

/**
 * Runs a suite on every driver and topology, on servers that are emptied before each test. After
 * each test no key may be there without a ttl.
 */
export function onEach(
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

/** The keys that never expire, of all there are on the one server of a client. */
export async function keysForEver(client: CacheClient): Promise<string[]> {
  const keys = (await client.send({ args: ['KEYS', '*'], keys: ['any'] })) as string[]
  const ttls = await Promise.all(
    keys.map((key) => client.send({ args: ['PTTL', key], keys: [key] })),
  )
  return keys.filter((_, i) => ttls[i] === -1)
}
