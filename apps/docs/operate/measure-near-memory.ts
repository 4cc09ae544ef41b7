// Measures what a near cache keeps in the process: `pnpm exec tsx operate/measure-near-memory.ts`.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'

const COUNT = 20_000

/** Returns the bytes that one near entry takes: on the heap, and as the near cache counts it. */
export async function measureNearMemory(): Promise<{ heap: number; counted: number }> {
  const server = await startRedis()
  const redis = new Redis(server.url)
  try {
    const client = createCacheClient(ioredisDriver(redis), {
      namespace: 'shop',
      resilience: { readTimeout: '20s', writeTimeout: '20s' },
    })
    const bus = createInvalidationBus({ client })
    await bus.ready()
    const near = withNearCache(client, { bus, ttl: '1h', maxEntries: COUNT, maxBytes: '1gb' })
    const far = createAside<Product>({ client, prefix: 'product', ttl: '1h' })
    const cache = createAside<Product>({ client: near, prefix: 'product', ttl: '1h' })
    const ids = Array.from({ length: COUNT }, (_, i) => i)
    for (const part of partsOf(ids))
      await Promise.all(
        part.map((id) => far.set(id, { id, name: `chair ${id}`, text: 'x'.repeat(60) })),
      )
    const before = usedHeap()
    for (const part of partsOf(ids))
      await cache.getOrLoadMany(part, () => Promise.reject(new Error('not cached')))
    const heap = (usedHeap() - before) / COUNT
    const counted = near.near.stats().bytes / COUNT
    await client.close()
    return { heap: Math.round(heap), counted: Math.round(counted) }
  } finally {
    redis.disconnect()
    await server.stop()
  }
}

interface Product {
  readonly id: number
  readonly name: string
  readonly text: string
}

function* partsOf(ids: readonly number[]): Generator<readonly number[]> {
  for (let i = 0; i < ids.length; i += 1_000) yield ids.slice(i, i + 1_000)
}

function usedHeap(): number {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) collectGarbage()
  return process.memoryUsage().heapUsed + process.memoryUsage().external
}

if (process.argv[1] && import.meta.filename === process.argv[1])
  console.log(await measureNearMemory())
