import { createCacheClient, type CacheClient, type ClientOptions, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { shardedDriver } from '@cache/sharding'
import { matrix, type DriverFactories, type MatrixOptions } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest'

const drivers: DriverFactories<Driver> = {
  ioredis: (raw) => ioredisDriver(raw),
  'node-redis': (raw) => nodeRedisDriver(raw),
  sharded: ([a, b, c]) => shardedDriver({ shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) } }),
}

export interface Bench {
  /** A client of its own, with a connection of its own: another process, as far as Redis can tell. */
  newClient(options?: ClientOptions): CacheClient
  /** All keys there are. */
  keys(): Promise<string[]>
}

/**
 * Runs a suite on every driver and topology, on servers that are emptied before each test. After each test no key may be there
 * without a ttl.
 */
export function onEach(suite: (bench: Bench) => void, options?: MatrixOptions): void {
  describe.each(matrix(drivers, options))('$name', (it) => {
    let running: Awaited<ReturnType<typeof it.start>>
    const clients: CacheClient[] = []
    const newClient = (options: ClientOptions = {}): CacheClient => {
      const client = createCacheClient(running.driver(), { namespace: 'shop', ...options })
      clients.push(client)
      return client
    }
    let looking: CacheClient | undefined
    const look = (): CacheClient => (looking ??= createCacheClient(running.driver()))
    beforeAll(async () => { running = await it.start() })
    beforeEach(() => running.flush())
    afterEach(async () => { expect(await keysForEver(look())).toEqual([]) })
    afterAll(async () => {
      await Promise.all(clients.map((client) => client.close()))
      await looking?.close()
      await running.stop()
    })
    suite({ newClient, keys: () => allKeys(look()) })
  })
}

/** The keys that never expire, of all there are. */
export async function keysForEver(client: CacheClient): Promise<string[]> {
  const keys = await allKeys(client)
  const ttls = await Promise.all(keys.map((key) => client.send({ args: ['PTTL', key], keys: [key] })))
  return keys.filter((_, i) => ttls[i] === -1)
}

/** @param client One without a namespace. */
async function allKeys(client: CacheClient): Promise<string[]> {
  const found: string[] = []
  for await (const keys of client.scan({ glob: '*' })) found.push(...keys)
  return found.sort()
}
