import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createInvalidationBus, createTrackingBus, withNearCache } from '@cache/pubsub-invalidation'
import { Redis } from 'ioredis-6'
import type { Id } from '../workload/ids.js'
import type { Product } from '../workload/product.js'
import { MAX_ENTRIES, NEAR_MS, type NearContender } from './near-cache.js'

const onBus = (
  name: string,
  busOf: typeof createInvalidationBus | typeof createTrackingBus,
): NearContender => ({
  name,
  propagates: true,
  async open(url) {
    const redis = new Redis(url)
    const client = createCacheClient(ioredisDriver(redis))
    const bus = busOf({ client })
    await bus.ready()
    const cache = createAside<Product, Id>({
      client: withNearCache(client, { bus, maxEntries: MAX_ENTRIES, ttl: NEAR_MS }),
      prefix: 'product',
      ttl: '1h',
    })
    return {
      getOrLoad: (id, load) => cache.getOrLoad(id, load),
      invalidate: async (id) => void (await cache.invalidate(id)),
      async close() {
        await bus.close()
        await client.close()
        redis.disconnect()
      },
    }
  },
})

export const oursOnBus = onBus('@cache/pubsub-invalidation, bus', createInvalidationBus)
export const oursOnTracking = onBus('@cache/pubsub-invalidation, tracking', createTrackingBus)
