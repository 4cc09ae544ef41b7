import { Redis, type Cluster } from 'ioredis-6'
import { createClient } from 'redis'
import type { Product } from '../workload/product.js'
import { ONE_HOUR, type Contender, type MeasuredCache } from './cache.js'

/** The baseline: the client alone, with GET and JSON.parse, and SET on a miss. */
export const bareIoredis: Contender = {
  name: 'ioredis',
  bare: 'ioredis',
  kind: 'bare',
  async open(url) {
    const redis = new Redis(url)
    return {
      ...bareOnIoredis(redis),
      getMany: async (ids) =>
        (await redis.mget(ids.map((id) => `bare:${id}`))).map(
          (cached) => JSON.parse(cached!) as Product,
        ),
    }
  },
}

export const bareNodeRedis: Contender = {
  name: 'node-redis',
  bare: 'node-redis',
  kind: 'bare',
  async open(url) {
    const redis = createClient({ url })
    redis.on('error', () => undefined)
    await redis.connect()
    return {
      ...bareOnNodeRedis(redis),
      getMany: async (ids) =>
        (await redis.mGet(ids.map((id) => `bare:${id}`))).map(
          (cached) => JSON.parse(cached!) as Product,
        ),
    }
  },
}

export function bareOnIoredis(redis: Redis | Cluster): MeasuredCache {
  redis.on('error', () => undefined)
  return {
    async getOrLoad(id, load) {
      const cached = await redis.get(`bare:${id}`)
      if (cached !== null) return JSON.parse(cached) as Product
      const value = await load()
      await redis.set(`bare:${id}`, JSON.stringify(value), 'PX', ONE_HOUR)
      return value
    },
    invalidate: async (id) => void (await redis.del(`bare:${id}`)),
    close: async () => redis.disconnect(),
  }
}

/** What a client and a Cluster client of node-redis have in common. */
interface NodeRedis {
  get(key: string): Promise<string | null>
  set(key: string, value: string, options: { readonly PX: number }): Promise<unknown>
  del(key: string): Promise<unknown>
  destroy(): void
}

export function bareOnNodeRedis(redis: NodeRedis): MeasuredCache {
  return {
    async getOrLoad(id, load) {
      const cached = await redis.get(`bare:${id}`)
      if (cached !== null) return JSON.parse(cached) as Product
      const value = await load()
      await redis.set(`bare:${id}`, JSON.stringify(value), { PX: ONE_HOUR })
      return value
    },
    invalidate: async (id) => void (await redis.del(`bare:${id}`)),
    close: async () => redis.destroy(),
  }
}
