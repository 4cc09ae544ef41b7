import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from 'pg'
import { z } from 'zod'

export const productSchema = z.object({
  id: z.number(),
  categoryId: z.number(),
  name: z.string(),
  priceCents: z.number(),
  version: z.number(),
})

export type Product = z.infer<typeof productSchema>

/** The orders of a list. */
export const orders = ['id', 'price', 'name'] as const
export type Order = (typeof orders)[number]

/** The products in Postgres. `version` increases with each change of a row. */
export interface Products {
  find(id: number, signal?: AbortSignal): Promise<Product | undefined>
  findMany(ids: readonly number[]): Promise<Product[]>
  inCategory(id: number, order: Order): Promise<Product[]>
  update(
    id: number,
    patch: Partial<Pick<Product, 'name' | 'priceCents'>>,
  ): Promise<Product | undefined>
}

const columns = 'id, category_id as "categoryId", name, price_cents as "priceCents", version'

/**
 * Creates the access to the table.
 *
 * @param delayMs the maximum delay of a reply, in milliseconds. It simulates a network, and makes
 * race conditions likely that are rare on one machine.
 */
export function createProducts(pool: Pool, delayMs = 0): Products {
  const select = async (
    where: string,
    values: unknown[],
    signal?: AbortSignal,
    orderBy = 'id',
  ): Promise<Product[]> => {
    const { rows } = await pool.query<Product>(
      `select ${columns} from products where ${where} order by ${orderBy}`,
      values,
    )
    if (delayMs > 0) await sleep(Math.random() * delayMs, undefined, signal ? { signal } : {})
    return rows
  }
  return {
    find: async (id, signal) => (await select('id = $1', [id], signal))[0],
    findMany: (ids) => select('id = any($1)', [ids]),
    inCategory: (id, order) =>
      select(
        'category_id = $1',
        [id],
        undefined,
        { id: 'id', price: 'price_cents, id', name: 'name, id' }[order],
      ),
    async update(id, { name, priceCents }) {
      const { rows } = await pool.query<Product>(
        `update products
         set name = coalesce($2, name), price_cents = coalesce($3, price_cents),
           version = version + 1
         where id = $1 returning ${columns}`,
        [id, name ?? null, priceCents ?? null],
      )
      return rows[0]
    },
  }
}

/**
 * Creates and fills the table if necessary. It contains 3,000 products in 60 categories, always the
 * same ones.
 */
export async function seed(pool: Pool): Promise<void> {
  await pool.query(`create table if not exists products (
    id int primary key, category_id int not null, name text not null, price_cents int not null,
    version int not null default 1)`)
  await pool.query(`insert into products (id, category_id, name, price_cents)
    select n, n % 60 + 1,
      (array['chair', 'table', 'lamp', 'shelf', 'bed', 'desk'])[n % 6 + 1] || ' no. ' || n,
      n * 37 % 50000 + 99
    from generate_series(1, 3000) n on conflict do nothing`)
  await pool.query('create index if not exists products_by_category on products (category_id)')
}
