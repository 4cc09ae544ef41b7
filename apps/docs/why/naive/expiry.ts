import type { Redis } from 'ioredis'

/** Stores many entries, as a job that warms a cache does. */
export async function warm(redis: Redis, prices: ReadonlyMap<number, number>): Promise<void> {
  const pipeline = redis.pipeline()
  for (const [id, price] of prices) pipeline.setex(`price:${id}`, 3_600, String(price))
  await pipeline.exec()
}

/** Corrects one of them. */
export async function correct(redis: Redis, id: number, price: number): Promise<void> {
  await redis.set(`price:${id}`, String(price))
}
