import type { Redis } from 'ioredis'

export interface Product {
  id: number
  category: number
  price: number
}

/** Reads a product, whose key contains the version of its category. */
export async function getProduct(
  redis: Redis,
  id: number,
  category: number,
  load: (id: number) => Promise<Product>,
): Promise<Product> {
  const version = (await redis.get(`category:${category}:version`)) ?? '0'
  const key = `product:${id}:v${version}`
  const cached = await redis.get(key)
  if (cached) return JSON.parse(cached) as Product
  const product = await load(id)
  await redis.setex(key, 3_600, JSON.stringify(product))
  return product
}

/** Invalidates all products of a category. */
export async function invalidateCategory(redis: Redis, category: number): Promise<void> {
  await redis.incr(`category:${category}:version`)
}
