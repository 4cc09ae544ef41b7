import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createInvalidationBus } from '@cache/pubsub-invalidation'
import { shardedDriver } from '@cache/sharding'
import { matrix, type DriverFactories } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { createCacheService, type CacheService, type CacheServiceOptions } from '../src/index.js'

const settings = { namespace: 'shop', resilience: { readTimeout: '20s', writeTimeout: '20s' } } as const

const drivers: DriverFactories<CacheClient> = {
  ioredis: (raw) => createCacheClient(ioredisDriver(raw), settings),
  'node-redis': (raw) => createCacheClient(nodeRedisDriver(raw), settings),
  sharded: ([a, b, c]) => createCacheClient(shardedDriver({ shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) } }), settings),
}

export interface Bench {
  /** A service on a client of its own: another process, as far as Redis can tell. */
  newService(options?: Omit<CacheServiceOptions, 'client'> & { readonly withBus?: boolean }): Promise<CacheService>
  /** What `redis-cli` would answer. */
  ask(...args: [command: string, key: string, ...rest: string[]]): Promise<unknown>
}

/** Runs a suite on every driver and topology, on servers that are emptied before each test. */
export function onEach(suite: (bench: Bench) => void): void {
  describe.each(matrix(drivers, { sharded: true }))('on $name', (it) => {
    let running: Awaited<ReturnType<typeof it.start>>
    const closing: (() => Promise<unknown>)[] = []
    let asking: CacheClient | undefined
    const newClient = (): CacheClient => {
      const client = running.driver()
      closing.push(() => client.close())
      return client
    }
    beforeAll(async () => { running = await it.start() })
    beforeEach(() => running.flush())
    afterAll(async () => {
      for (const close of closing.reverse()) await close()
      await running.stop()
    })
    suite({
      async newService({ withBus = false, ...options } = {}) {
        const client = newClient()
        const bus = withBus ? createInvalidationBus({ client }) : undefined
        await bus?.ready()
        const service = createCacheService({ client, ...(bus && { bus }), ...options })
        closing.push(async () => {
          await service.close()
          await bus?.close()
        })
        return service
      },
      ask: (...args) => (asking ??= newClient()).send({ args, keys: [args[1]] }),
    })
  })
}
