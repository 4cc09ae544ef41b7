import type { Redis } from 'ioredis'
import type { Product } from './versions.js'

export interface Database {
  categoryOf(id: number): Promise<number>
  productsIn(category: number): Promise<Product[]>
}

/** Looks for a product at its own key, and then in its category. */
export async function getProduct(
  redis: Redis,
  id: number,
  database: Database,
): Promise<Product | undefined> {
  const cached = await redis.get(`product:${id}`)
  if (cached) return JSON.parse(cached) as Product
  const category = await database.categoryOf(id)
  const products = await getCategory(redis, category, database)
  const product = products.find((one) => one.id === id)
  if (product) await redis.setex(`product:${id}`, 3_600, JSON.stringify(product))
  return product
}

/** Reads the products of a category. */
export async function getCategory(
  redis: Redis,
  category: number,
  database: Database,
): Promise<Product[]> {
  const cached = await redis.get(`category:${category}:products`)
  if (cached) return JSON.parse(cached) as Product[]
  const products = await database.productsIn(category)
  await redis.setex(`category:${category}:products`, 3_600, JSON.stringify(products))
  return products
}
