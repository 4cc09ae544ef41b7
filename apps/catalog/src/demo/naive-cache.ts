import type { CacheClient } from '@cache/core'
import { connectPostgres, type Database } from '../database.js'
import { createProducts, type Product } from '../products.js'
import { DELAY_MS } from './environment.js'

/**
 * Creates a cache-aside as it is usually written: get, load, set; and del after a write. It uses
 * the same Redis, the same rows and the same delays as the catalog.
 */
export function createNaiveCache(client: CacheClient, database: Database) {
  const pool = connectPostgres(database.url)
  const products = createProducts(pool, DELAY_MS)
  const send = (command: string, id: number, ...rest: readonly string[]): Promise<unknown> => {
    const key = `naive:product:${id}`
    return client.send({ args: [command, key, ...rest], keys: [key] })
  }
  return {
    async get(id: number): Promise<Product> {
      const cached = await send('GET', id)
      if (cached !== null) return JSON.parse(String(cached)) as Product
      const product = await products.find(id)
      if (product) await send('SETEX', id, '600', JSON.stringify(product))
      return product!
    },
    async update(id: number, priceCents: number): Promise<Product> {
      const product = await products.update(id, { priceCents })
      await send('DEL', id)
      return product!
    },
    close: (): Promise<void> => pool.end(),
  }
}
