import { createAside } from '@cache/aside'
import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import { fallback } from '../workload/fallback.js'
import type { Id } from '../workload/ids.js'
import type { Product } from '../workload/product.js'
import type { Contender, MeasuredCache } from './cache.js'

export const oursOnIoredis: Contender = {
  name: '@cache/aside on ioredis',
  bare: 'ioredis',
  kind: 'ours',
  async open(url) {
    const redis = new Redis(url)
    return asideOn(ioredisDriver(redis), () => redis.disconnect())
  },
}

export const oursOnNodeRedis: Contender = {
  name: '@cache/aside on node-redis',
  bare: 'node-redis',
  kind: 'ours',
  async open(url) {
    const redis = createClient({ url })
    await redis.connect()
    return asideOn(nodeRedisDriver(redis), () => redis.destroy())
  },
}

export function asideOn(driver: Driver, end: () => void, prefix = 'ours'): MeasuredCache {
  const client = createCacheClient(driver)
  const cache = createAside<Product, Id>({ client, prefix, ttl: '1h' })
  return {
    getOrLoad: (id, load) => cache.getOrLoad(id, load),
    getMany: async (ids) =>
      (await cache.getOrLoadMany(ids, (missing) =>
        Promise.all(missing.map(fallback)),
      )) as Product[],
    invalidate: async (id) => void (await cache.invalidate(id)),
    async close() {
      await client.close()
      end()
    },
  }
}
