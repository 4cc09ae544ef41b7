import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import type { Id } from '../workload/ids.js'
import type { Product } from '../workload/product.js'
import type { MeasuredQueue, QueueContender } from './queue.js'

export const oursOnIoredis: QueueContender = {
  name: '@cache/write-behind on ioredis',
  async open(url) {
    const redis = new Redis(url)
    return measured(ioredisDriver(redis), () => redis.disconnect())
  },
}

export const oursOnNodeRedis: QueueContender = {
  name: '@cache/write-behind on node-redis',
  async open(url) {
    const redis = createClient({ url })
    await redis.connect()
    return measured(nodeRedisDriver(redis), () => redis.destroy())
  },
}

function measured(driver: Driver, end: () => void): MeasuredQueue {
  const client = createCacheClient(driver)
  const products = createWriteBehind<Product | undefined, Id, Product>({
    client,
    prefix: 'ours',
    ttl: '1h',
    load: async () => undefined,
  })
  return {
    enqueue: (product) => products.put(product.id, product),
    enqueueMany: (all) => products.putMany(all.map((product) => [product.id, product])),
    async work(count) {
      const enough = new AbortController()
      let done = 0
      const worker = createWriteBehindWorker<Product, Id>({
        client,
        prefix: 'ours',
        linger: 1,
        coalesce: false,
        flush: (writes) => {
          done += writes.length
          if (done >= count) enough.abort()
        },
      })
      await worker.run({ signal: enough.signal }) // Ends when the last batch is acknowledged.
    },
    async close() {
      await client.close()
      end()
    },
  }
}
