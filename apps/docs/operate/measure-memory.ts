// Measures what the patterns keep in Redis: `pnpm exec tsx operate/measure-memory.ts`.
import { createAside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createHierarchical } from '@cache/hierarchical'
import { createLocks } from '@cache/lock'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
} from '@cache/ratelimit'
import { startRedis } from '@cache/testkit'
import { createVersioned } from '@cache/versioning'
import { createWriteBehind } from '@cache/write-behind'
import { Redis } from 'ioredis'

/** The number of items that are stored for each measurement. */
const COUNT = 200

/** Returns the bytes that one item of each kind takes in Redis, with its key. */
export async function measureMemory(valueBytes = 100): Promise<Map<string, number>> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  const results = new Map<string, number>()
  try {
    for (const [name, store] of Object.entries(itemsOf('x'.repeat(valueBytes - 2)))) {
      await redis.flushall()
      const client = createCacheClient(ioredisDriver(redis), {
        namespace: 'shop',
        resilience: { readTimeout: '5s', writeTimeout: '5s' },
      })
      const { before = 0 } = await store(client, () => usedBytes(redis))
      results.set(name, Math.round(((await usedBytes(redis)) - before) / COUNT))
      await client.close()
    }
  } finally {
    redis.disconnect()
    await server.stop()
  }
  return results
}

type Measured = { readonly before?: number }
type Store = (client: CacheClient, used: () => Promise<number>) => Promise<Measured>

const ids = Array.from({ length: COUNT }, (_, i) => 100_000 + i)
const each = async (work: (id: number) => Promise<unknown>): Promise<Measured> => {
  await Promise.all(ids.map(work))
  return {}
}

/** For each kind of items: a function that stores `COUNT` of them. A value is JSON text. */
const itemsOf = (value: string): Readonly<Record<string, Store>> => ({
  entry: (client) => {
    const cache = createAside<string>({ client, prefix: 'product', ttl: '1h' })
    return each((id) => cache.set(id, value))
  },
  'entry with a stale option': (client) => {
    const options = { client, prefix: 'product', ttl: '1h', staleIfError: '1h' } as const
    const cache = createAside<string>(options)
    return each((id) => cache.set(id, value))
  },
  'entry with a group': async (client, used) => {
    const cache = createVersioned({
      client,
      prefix: 'product',
      ttl: '1h',
      load: async (_: number) => value,
      groups: () => ['category'],
    })
    await cache.get(1)
    const before = await used()
    await each((id) => cache.get(id))
    return { before }
  },
  'group version': (client) => {
    const cache = createVersioned({
      client,
      prefix: 'product',
      ttl: '1h',
      load: async (_: number) => value,
      groups: () => ['category'],
    })
    return each((id) => cache.bump(String(id)))
  },
  'item of a cached group': async (client) => {
    const all = ids.map((id) => ({ id, text: value }))
    const cache = createHierarchical({
      client,
      ttl: '1h',
      item: { prefix: 'product', id: (item: { id: number }) => item.id },
      group: { prefix: 'category', id: () => 7 },
      groupOf: async () => 7,
      loadGroup: async () => all,
    })
    await cache.getGroup(7)
    return {}
  },
  'held lock': (client) => {
    const locks = createLocks({ client, ttl: '1m' })
    return each((id) => locks.acquire(id))
  },
  'released lock, for ten minutes': (client) => {
    const locks = createLocks({ client, ttl: '1m' })
    return each((id) => locks.withLock(String(id), async () => undefined))
  },
  'id in fixedWindow': limited(fixedWindow({ limit: 9, window: '1h' })),
  'id in slidingCounter': limited(slidingCounter({ limit: 9, window: '1h' })),
  'id in tokenBucket': limited(tokenBucket({ capacity: 9, refill: 1, interval: '1m' })),
  'id in gcra': limited(gcra({ limit: 9, window: '1h', burst: 9 })),
  'request in slidingWindow': async (client, used) => {
    const limits = [slidingWindow({ limit: 10_000, window: '1h' })]
    const limiter = createRateLimiter({ client, prefix: 'api', limits, deadline: '5s' })
    for (let i = 0; i < COUNT; i++) await limiter.consume('u') // leaves the compact encoding
    const before = await used()
    for (let i = 0; i < COUNT; i++) await limiter.consume('u')
    return { before }
  },
  'slot of concurrency': async (client, used) => {
    const limits = [concurrency({ limit: 10_000, ttl: '1h' })]
    const limiter = createRateLimiter({ client, prefix: 'api', limits, deadline: '5s' })
    for (let i = 0; i < COUNT; i++) await limiter.consume('u')
    const before = await used()
    for (let i = 0; i < COUNT; i++) await limiter.consume('u')
    return { before }
  },
  'waiting write': async (client, used) => {
    const queue = createWriteBehind({
      client,
      prefix: 'users',
      ttl: '1h',
      load: async (_: number) => undefined as string | undefined,
    })
    await Promise.all(ids.map((id) => queue.put(id + COUNT, value)))
    const before = await used()
    await each((id) => queue.put(id, value))
    return { before }
  },
})

function limited(limit: Limit): Store {
  return (client) => {
    const limiter = createRateLimiter({ client, prefix: 'api', limits: [limit], deadline: '5s' })
    return each((id) => limiter.consume(`user:${id}`))
  }
}

/** Returns the bytes of all keys with their values, without those of the table of keys. */
async function usedBytes(redis: Redis): Promise<number> {
  let bytes = 0
  for (const key of await redis.keys('*'))
    bytes += Number(await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'))
  return bytes
}

if (process.argv[1] && import.meta.filename === process.argv[1])
  for (const [name, bytes] of await measureMemory()) console.log(`${name}: ${bytes}`)
