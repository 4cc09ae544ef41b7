import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { memoryDriver } from '@cache/memory'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { LRUCache } from 'lru-cache'
import { product, type Product } from '../workload/product.js'
import { measureInRounds } from '../measure/rounds.js'
import { precise } from '../measure/statistics.js'
import type { Scenario } from './scenario.js'

const PRODUCTS = 1_000
const LRU = 'lru-cache'

/** What a cache without Redis costs: the same API, and every call runs through the protocol. */
export const memory: Scenario = {
  name: 'memory',
  about:
    'A cache in the memory of the process, without Redis: hits and misses, one after the other ' +
    'and 100 in flight; against an async function around a bare lru-cache, and against Redis.',
  async run(scale) {
    await using server = await startRedis()
    const redis = new Redis(server.url)
    const clients = {
      memoryDriver: createCacheClient(memoryDriver({ maxBytes: '64mb' })),
      ioredis: createCacheClient(ioredisDriver(redis)),
    }
    const bare = new LRUCache<number, Product>({ max: PRODUCTS })
    const rows = []
    for (const inFlight of [1, 100])
      for (const kind of ['hit', 'miss'] as const) {
        const tasks = Object.entries(clients).map(([name, client]) => {
          const cache = createAside<Product, number>({
            client,
            prefix: `${kind} ${inFlight}`,
            ttl: '1h',
          })
          return { name: `@cache/aside on ${name}`, bare: LRU, run: reading(kind, cache.getOrLoad) }
        })
        const bareRead = async (id: number, load: () => Promise<Product>): Promise<Product> => {
          let value = bare.get(id)
          if (value === undefined) bare.set(id, (value = await load()))
          return value
        }
        const speeds = await measureInRounds(
          [{ name: LRU, bare: LRU, run: reading(kind, bareRead) }, ...tasks],
          {
            inFlight,
            operations: scale === 'full' ? 3_000 : 200,
            rounds: scale === 'full' ? 15 : 1,
          },
        )
        for (const { name, microseconds, cpu } of speeds)
          rows.push({
            name: `${name}: ${kind}, ${inFlight} in flight`,
            'µs each': precise(microseconds),
            'CPU µs each': precise(cpu),
          })
      }
    for (const client of Object.values(clients)) await client.close()
    redis.disconnect()
    return { shown: 'µs each', better: 'less', rows }
  },
}

type Read = (id: number, load: () => Promise<Product>) => Promise<unknown>

/** Reads few values again and again, or a new one each time. */
function reading(kind: 'hit' | 'miss', read: Read): () => Promise<unknown> {
  let next = 0
  return () => {
    const id = kind === 'hit' ? next++ % PRODUCTS : next++
    return read(id, async () => product(id))
  }
}
