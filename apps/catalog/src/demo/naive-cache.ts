import type { RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { connectPostgres, type Database } from '../database.js'
import { createProducts, type Product } from '../products.js'
import { DELAY_MS } from './environment.js'

/**
 * Creates a cache-aside as it is usually written: get, load, set; and del after a write. It uses
 * the same Redis, the same rows and the same delays as the catalog.
 */
export function createNaiveCache(redisServer: RedisServer, database: Database) {
  const redis = new Redis(redisServer.url)
  const pool = connectPostgres(database.url)
  const products = createProducts(pool, DELAY_MS)
  const keyOf = (id: number): string => `naive:product:${id}`
  return {
    async get(id: number): Promise<Product> {
      const cached = await redis.get(keyOf(id))
      if (cached !== null) return JSON.parse(cached) as Product
      const product = await products.find(id)
      if (product) await redis.setex(keyOf(id), 600, JSON.stringify(product))
      return product!
    },
    async update(id: number, priceCents: number): Promise<Product> {
      const product = await products.update(id, { priceCents })
      await redis.del(keyOf(id))
      return product!
    },
    async close(): Promise<void> {
      redis.disconnect()
      await pool.end()
    },
  }
}
