import type { Redis } from 'ioredis'

/** Prices in the memory of this process. Messages say which of them have changed. */
export async function createLocalCache(subscriber: Redis) {
  const prices = new Map<string, number>()
  subscriber.on('message', (_channel, id) => void prices.delete(id))
  await subscriber.subscribe('cache_invalidation')
  return {
    async get(id: string, load: (id: string) => Promise<number>): Promise<number> {
      const known = prices.get(id)
      if (known !== undefined) return known
      const price = await load(id)
      prices.set(id, price)
      return price
    },
  }
}

/** Tells all processes that a price has changed. */
export async function invalidate(redis: Redis, id: string): Promise<void> {
  await redis.publish('cache_invalidation', id)
}
