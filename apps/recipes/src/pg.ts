import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import type { Pool, PoolClient } from 'pg'

interface Product {
  readonly id: number
  readonly name: string
}

export function createProducts(client: CacheClient, pool: Pool) {
  const cache = createAside<Product>({ client, prefix: 'product', ttl: '1h' })
  return {
    get: (id: number) =>
      cache.getOrLoad(id, async () => {
        const select = 'select id, name from products where id = $1'
        return (await pool.query<Product>(select, [id])).rows[0]
      }),

    async rename(id: number, name: string): Promise<void> {
      await using change = await cache.beginMutation(id) // aborted at the end, unless committed
      const update = 'update products set name = $2 where id = $1'
      await inTransaction(pool, (db) => db.query(update, [id, name]))
      await change.commit()
    },
  }
}

/** Runs `work` between BEGIN and COMMIT. Resolves once the database has committed. */
async function inTransaction<R>(pool: Pool, work: (db: PoolClient) => Promise<R>): Promise<R> {
  const db = await pool.connect()
  let broken: Error | undefined
  try {
    await db.query('begin')
    const result = await work(db)
    await db.query('commit')
    return result
  } catch (error) {
    await db.query('rollback').catch((cause: Error) => {
      broken = cause
    })
    throw error
  } finally {
    db.release(broken) // a connection that could not roll back is closed
  }
}
