import { setFlagsFromString } from 'node:v8'
import { setTimeout as sleep } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import { createAside, createReadThrough } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createHierarchical } from '@cache/hierarchical'
import { createHttpCache, createIdempotency } from '@cache/http'
import { createKeyvStore } from '@cache/keyv'
import {
  createLocks,
  createReadWriteLock,
  createRedlock,
  createSemaphore,
  createStampedeGuard,
} from '@cache/lock'
import {
  createInvalidationBus,
  createInvalidator,
  createTrackingBus,
  drop,
  withNearCache,
} from '@cache/pubsub-invalidation'
import { concurrency, createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { createCacheService } from '@cache/service'
import { shardedDriver } from '@cache/sharding'
import { eventually, startRedis, type RedisServer } from '@cache/testkit'
import { createVersioned } from '@cache/versioning'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROUNDS = process.env.CHAOS ? 200 : 50

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const common = { ttl: '1m' } as const
const load = async (_: number): Promise<string> => 'row'

/** Each makes one, uses it and closes it; and returns what should then be forgotten. */
const factories: Readonly<Record<string, (client: CacheClient) => Promise<readonly object[]>>> = {
  createAside: async (client) => {
    const aside = createAside<string, number>({ ...common, client, prefix: 'aside' })
    await aside.getOrLoad(1, () => 'row')
    await aside.mutate(1, async () => undefined)
    return [aside]
  },
  createReadThrough: async (client) => {
    const reads = createReadThrough({ ...common, client, prefix: 'reads', load })
    await reads.get(1)
    return [reads]
  },
  createWriteThrough: async (client) => {
    await using through = createWriteThrough({
      ...common,
      client,
      prefix: 'through',
      load,
      store: async (_: number, patch: string) => patch,
    })
    await through.update(1, 'new')
    return [through]
  },
  createWriteBehind: async (client) => {
    const behind = createWriteBehind({
      ...common,
      client,
      prefix: 'behind',
      load: async (_: string) => undefined as string | undefined,
      merge: (_, patch: string) => patch,
    })
    await behind.update('1', 'new')
    await behind.close()
    return [behind]
  },
  createVersioned: async (client) => {
    const versioned = createVersioned({
      ...common,
      client,
      prefix: 'versioned',
      load,
      groups: () => ['g'],
      versionCache: '1s',
    })
    await versioned.get(1)
    await versioned.bump('g')
    return [versioned]
  },
  createHierarchical: async (client) => {
    const hierarchical = createHierarchical({
      ...common,
      client,
      item: { prefix: 'item', id: (item: { id: number }) => item.id },
      group: { prefix: 'group', id: () => 7 },
      groupOf: async () => 7,
      loadGroup: async () => [{ id: 1 }],
    })
    await hierarchical.get(1)
    return [hierarchical]
  },
  createKeyvStore: async (client) => {
    const store = createKeyvStore({ client, prefix: 'keyv' })
    await Promise.all([store.set('1', 'old'), store.set('1', 'new')])
    await store.get('1')
    for await (const entry of store.iterator()) void entry
    await store.clear()
    await store.disconnect()
    return [store]
  },
  createHttpCache: async (client) => {
    const cache = createHttpCache({ client, prefix: 'pages' })
    const headers = { 'cache-control': 'max-age=60, stale-while-revalidate=60', 'cache-tag': 't' }
    const request = new Request('https://shop.test/')
    await cache.handle(request, () => new Response('page', { headers }))
    await cache.purgeTags('t')
    return [cache]
  },
  createIdempotency: async (client) => {
    const idempotency = createIdempotency({ client, prefix: 'payments', scope: () => '' })
    const init = { method: 'POST', headers: { 'idempotency-key': 'k' } }
    await idempotency.handle(new Request('https://shop.test/', init), () => new Response(''))
    return [idempotency]
  },
  createLocks: async (client) => {
    const locks = createLocks({ client })
    await locks.withLock('x', async () => undefined, { ttl: '10s' })
    const lock = await locks.acquire('y', { ttl: '10s' })
    const next = locks.acquire('y', { ttl: '10s', wait: '9s' })
    await lock.release()
    await (await next).release()
    await locks.close()
    return [locks, lock]
  },
  createSemaphore: async (client) => {
    const semaphore = createSemaphore({ client, name: 'pool', permits: 2 })
    await semaphore.withPermit(async () => undefined, { ttl: '10s' })
    await semaphore.close()
    return [semaphore]
  },
  createReadWriteLock: async (client) => {
    const lock = createReadWriteLock({ client, name: 'table' })
    await lock.read.withLock(async () => undefined, { ttl: '10s' })
    await lock.close()
    return [lock]
  },
  createRedlock: async ({ driver }) => {
    const clients = ['a', 'b', 'c'].map((namespace) =>
      createCacheClient({ ...driver }, { namespace }),
    ) // The client believes that there are three servers.
    const locks = createRedlock({ clients })
    await locks.withLock('x', async () => undefined, { ttl: '10s' })
    await locks.close()
    return [locks, ...clients]
  },
  createStampedeGuard: async (client) => {
    const locks = createLocks({ client })
    const guard = createStampedeGuard<string>({ ...common, client, locks })
    await guard.get(client.key('guarded'), async () => 'row')
    await locks.close()
    return [guard]
  },
  createRateLimiter: async (client) => {
    const limiter = createRateLimiter({
      client,
      prefix: 'api',
      limits: [
        slidingWindow({ name: 'a', limit: 1_000, window: '1m' }),
        concurrency({ name: 'b', limit: 9, ttl: '10s' }),
      ],
    })
    const decision = await limiter.consume('u')
    await decision.release()
    return [limiter, decision]
  },
  createInvalidationBus: async (client) => {
    const bus = createInvalidationBus({ client })
    await bus.ready()
    const near = withNearCache(client, { bus, ttl: '30s' })
    const aside = createAside<string, number>({ ...common, client: near, prefix: 'near' })
    await aside.getOrLoad(1, () => 'row')
    await aside.invalidate(1)
    await bus.close()
    return [bus, near]
  },
  createTrackingBus: async (client) => {
    const bus = createTrackingBus({ client })
    await bus.ready()
    await bus.close()
    return [bus]
  },
  createInvalidator: async (client) => {
    const bus = createInvalidationBus({ client })
    const invalidator = createInvalidator({ client, bus, rules: { changed: () => [drop('x')] } })
    await invalidator.emit('changed')
    await bus.close()
    return [invalidator, bus]
  },
  createCacheService: async (client) => {
    const bus = createInvalidationBus({ client })
    await bus.ready()
    const service = createCacheService({ ...common, client, bus })
    await service.get('user', async () => 'row')
    await service.close()
    await bus.close()
    return [service]
  },
  createCacheClient: async ({ driver }) => {
    const client = createCacheClient(
      { ...driver, close: async () => undefined },
      { namespace: 'other' },
    )
    await client.send({ args: ['PING'], keys: [] })
    await client.close()
    return [client]
  },
  shardedDriver: async ({ driver }) => {
    const sharded = shardedDriver({ shards: { a: { ...driver, close: async () => undefined } } })
    const client = createCacheClient(sharded, { namespace: 'sharded' })
    await client.send({ args: ['PING'], keys: ['x'] })
    await client.close()
    return [client, sharded]
  },
  createWriteBehindWorker: async (client) => {
    const flush = async () => undefined
    const worker = createWriteBehindWorker({ client, prefix: 'worker', flush })
    const stop = new AbortController()
    const running = worker.run({ signal: stop.signal })
    stop.abort()
    await running
    return [worker]
  },
}

const closing: (() => unknown)[] = []
let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
  await server.stop()
})

describe.each(['ioredis', 'node-redis'] as const)('on one client of %s', (library) => {
  let raw: Redis | ReturnType<typeof createClient>
  let client: CacheClient
  beforeAll(async () => {
    const redis = library === 'ioredis' ? new Redis(server.url) : createClient({ url: server.url })
    raw = redis as typeof raw
    if ('isOpen' in redis) await redis.connect()
    client = createCacheClient(
      'isOpen' in redis ? nodeRedisDriver(redis as never) : ioredisDriver(redis),
      { namespace: 'shop', resilience: { readTimeout: '5s', writeTimeout: '5s' } },
    )
    closing.push(async () => {
      await client.close()
      if ('isOpen' in redis) redis.destroy()
      else redis.disconnect()
    })
  })

  it.each(Object.entries(factories))(
    `%s, used and closed ${ROUNDS} times, leaves nothing`,
    async (_, make) => {
      await make(client)
      await settled()
      const before = await leftovers()
      const made: WeakRef<object>[] = []
      for (let i = 0; i < ROUNDS; i++)
        for (const one of await make(client)) made.push(new WeakRef(one))
      await eventually(
        async () => {
          await settled()
          const now = await leftovers()
          const alive = made.filter((one) => one.deref() !== undefined).length
          // A connection of the first round may have been closing when `before` was taken.
          const connections = Math.max(now.connections, before.connections)
          expect({ ...now, connections, alive: alive > made.length / 20 ? alive : 'few' }).toEqual({
            ...before,
            alive: 'few',
          })
          return true
        },
        { within: 10_000, every: 100 },
      )
    },
  )

  async function leftovers() {
    const listeners = raw.eventNames().map((name) => [String(name), raw.listenerCount(name)])
    const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    return {
      listeners: Object.fromEntries(listeners) as Record<string, number>,
      connections: (await server.cli('CLIENT', 'LIST')).trim().split('\n').length,
      channels: (await server.cli('PUBSUB', 'CHANNELS')).trim(),
      timers: timers > 20 ? timers : 'few',
    }
  }
})

async function settled(): Promise<void> {
  await sleep(20)
  gc()
}
