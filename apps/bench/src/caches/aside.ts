import { createAside } from '@cache/aside'
import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import type { Contender, MeasuredCache, Product } from './cache.js'

export const oursOnIoredis: Contender = {
  name: '@cache/aside on ioredis',
  bare: 'ioredis',
  kind: 'ours',
  async open(url) {
    const redis = new Redis(url)
    return measured(ioredisDriver(redis), () => redis.disconnect())
  },
}

export const oursOnNodeRedis: Contender = {
  name: '@cache/aside on node-redis',
  bare: 'node-redis',
  kind: 'ours',
  async open(url) {
    const redis = createClient({ url })
    await redis.connect()
    return measured(nodeRedisDriver(redis), () => redis.destroy())
  },
}

function measured(driver: Driver, end: () => void): MeasuredCache {
  const client = createCacheClient(driver)
  const cache = createAside<Product, number>({ client, prefix: 'ours', ttl: '1h' })
  return {
    getOrLoad: (id, load) => cache.getOrLoad(id, load),
    getMany: async (ids) =>
      (await cache.getOrLoadMany(ids, () =>
        Promise.reject(new Error('All values must be cached.')),
      )) as Product[],
    invalidate: async (id) => void (await cache.invalidate(id)),
    async close() {
      await client.close()
      end()
    },
  }
}
