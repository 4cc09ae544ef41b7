import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import { ONE_HOUR, type Contender, type Product } from './cache.js'

/** The baseline: the client alone, with GET and JSON.parse, and SET on a miss. */
export const bareIoredis: Contender = {
  name: 'ioredis',
  bare: 'ioredis',
  kind: 'bare',
  async open(url) {
    const redis = new Redis(url)
    redis.on('error', () => undefined)
    return {
      async getOrLoad(id, load) {
        const cached = await redis.get(`bare:${id}`)
        if (cached !== null) return JSON.parse(cached) as Product
        const value = await load()
        await redis.set(`bare:${id}`, JSON.stringify(value), 'PX', ONE_HOUR)
        return value
      },
      getMany: async (ids) =>
        (await redis.mget(ids.map((id) => `bare:${id}`))).map(
          (cached) => JSON.parse(cached!) as Product,
        ),
      invalidate: async (id) => void (await redis.del(`bare:${id}`)),
      close: async () => redis.disconnect(),
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
      async getOrLoad(id, load) {
        const cached = await redis.get(`bare:${id}`)
        if (cached !== null) return JSON.parse(cached) as Product
        const value = await load()
        await redis.set(`bare:${id}`, JSON.stringify(value), { PX: ONE_HOUR })
        return value
      },
      getMany: async (ids) =>
        (await redis.mGet(ids.map((id) => `bare:${id}`))).map(
          (cached) => JSON.parse(cached!) as Product,
        ),
      invalidate: async (id) => void (await redis.del(`bare:${id}`)),
      close: async () => redis.destroy(),
    }
  },
}
