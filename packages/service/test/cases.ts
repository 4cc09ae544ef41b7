import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { createInvalidationBus } from '@cache/pubsub-invalidation'
import { shardedDriver } from '@cache/sharding'
import type { DriverFactories } from '@cache/testkit'
import { suitesOn, type Bench } from '@cache/testkit/suites'
import { afterAll } from 'vitest'
import { createCacheService, type CacheService, type CacheServiceOptions } from '../src/index.js'

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
  resilience: { readTimeout: '20s', writeTimeout: '20s' },
} as const

const onServers = suitesOn(drivers, (driver, _options?: undefined) =>
  createCacheClient(driver, settings),
)

export interface ServiceBench extends Pick<Bench<CacheClient, undefined>, 'ask'> {
  /** A service on a client of its own: another process, as far as Redis can tell. */
  newService(
    options?: Omit<CacheServiceOptions, 'client'> & { readonly withBus?: boolean },
  ): Promise<CacheService>
}

/** Runs a suite on every driver and topology, on servers that are emptied before each test. */
export function onEach(suite: (bench: ServiceBench) => void): void {
  onServers(
    ({ newClient, ask }) => {
      const closing: (() => Promise<unknown>)[] = []
      afterAll(async () => {
        for (const close of closing.reverse()) await close()
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
        ask,
      })
    },
    { sharded: true },
  )
}
