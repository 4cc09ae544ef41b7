import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { cachedDatabase, createDrizzleCache } from '@cache/drizzle'
import { PGlite } from '@electric-sql/pglite'
import { eq } from 'drizzle-orm'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { drizzle } from 'drizzle-orm/pglite'
import { Redis } from 'ioredis'

const products = pgTable('products', { id: integer().primaryKey(), name: text().notNull() })
const tables = { products } // or: import * as tables from './schema.js'

const redis = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379')
const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop' })
const cache = createDrizzleCache({ client, tables, ttl: '10m' })
const pglite = new PGlite() // an embedded Postgres
const db = cachedDatabase(drizzle({ client: pglite, cache }))

await pglite.exec('create table products (id int primary key, name text not null)')
await db.insert(products).values({ id: 42, name: 'chair' })

const product = () => db.select().from(products).where(eq(products.id, 42)).$withCache()
console.log(await product()) // [{ id: 42, name: 'chair' }], from the database
console.log(await product()) // the same, from Redis

await db.transaction(async (tx) => {
  await tx.update(products).set({ name: 'armchair' }).where(eq(products.id, 42))
})
console.log(await product()) // [{ id: 42, name: 'armchair' }], in every process
console.log(cache.stats().hits) // 1

await client.close()
redis.disconnect()
await pglite.close()
