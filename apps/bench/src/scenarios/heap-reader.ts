import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { LRUCache } from 'lru-cache'
import { compositeIds } from '../workload/ids.js'
import type { HeapOptions, HeapUse } from './heap.js'

// A process that measures its heap before and after it stores values in a near cache, or sends
// reads to a server that does not answer.

const child = childProcess<HeapOptions>()
const { url, kind, count } = child.data
const redis = new Redis(url, { maxRetriesPerRequest: null })
const client = createCacheClient(ioredisDriver(redis), {
  resilience: { readTimeout: '10m', maxInFlight: 2 * count },
})
const ids = compositeIds(2 * count)
// About 78 bytes as JSON.
const value = (id: string) => ({ id, name: `Product ${id}`, price: 129.5, stock: 12, open: true })
const keep: unknown[] = []

const bus = createInvalidationBus({ client })
await bus.ready()
const near = createAside<object, string>({
  client: withNearCache(client, { bus, maxEntries: 2 * count, ttl: '1h' }),
  prefix: 'product',
  ttl: '1h',
})
const far = createAside<object, string>({ client, prefix: 'far', ttl: '1h' })
const lru = new LRUCache<string, object>({ max: 2 * count, ttl: 3_600_000 })
const pending = (read: Promise<unknown>) => keep.push(read.catch(() => undefined))

const work: Record<HeapOptions['kind'], (of: readonly string[]) => Promise<void>> = {
  async 'near entry'(all) {
    for (const id of all) await near.getOrLoad(id, async () => value(id))
  },
  async 'lru-cache entry'(all) {
    for (const id of all) lru.set(`product:${id}`, JSON.parse(JSON.stringify(value(id))) as object)
  },
  async 'read in flight'(all) {
    for (const id of all) pending(far.getOrLoad(id, async () => value(id)))
  },
  async 'ioredis get in flight'(all) {
    for (const id of all) pending(redis.get(`product:${id}`))
  },
}

// Compiles the code and fills what grows only once, such as the keys that a cache remembers.
const isNear = kind.endsWith('entry')
if (isNear) await work[kind](ids.slice(0, count))
else {
  await far.getOrLoad('warm', async () => value('warm'))
  await child.say('ready')
  await child.next('silent')
}
const before = heapUsed()
await work[kind](ids.slice(count))
await new Promise((resolve) => setTimeout(resolve, 100))
const bytes = heapUsed() - before
await child.say({ type: 'heap', bytes: bytes / count } satisfies HeapUse)
process.exit(keep.length < 0 ? 1 : 0) // Uses the reads, so that they are kept until here.

function heapUsed(): number {
  for (let i = 0; i < 3; i++) globalThis.gc!()
  return process.memoryUsage().heapUsed
}
