import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { eq } from 'drizzle-orm'
import type { NodePgDatabase } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'

const products = pgTable('products', { id: integer().primaryKey(), name: text().notNull() })

export function createProducts(client: CacheClient, db: NodePgDatabase) {
  const cache = createAside<typeof products.$inferSelect>({ client, prefix: 'product', ttl: '1h' })
  return {
    get: (id: number) =>
      cache.getOrLoad(id, async () => {
        return (await db.select().from(products).where(eq(products.id, id)))[0]
      }),

    async rename(id: number, name: string): Promise<void> {
      await using change = await cache.beginMutation(id) // aborted at the end, unless committed
      await db.transaction(async (tx) => {
        await tx.update(products).set({ name }).where(eq(products.id, id))
      })
      await change.commit()
    },
  }
}
