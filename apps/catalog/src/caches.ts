import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { createVersioned } from '@cache/versioning'
import { productSchema, type Order, type Product, type Products } from './products.js'

/** What the service keeps: products in Redis, and the lists of each category, one for each order, in the process as well. */
export function createCaches(client: CacheClient, near: CacheClient, source: Products) {
  const products = createAside<Product>({ client, prefix: 'product', ttl: '10m', jitter: 0.1, negativeTtl: '5s', schema: productSchema })
  const lists = createVersioned({
    client: near, prefix: 'category', ttl: '10m', jitter: 0.1,
    key: ({ category, order }: List) => [category, order],
    groups: ({ category }) => [groupOf(category)],
    load: ({ category, order }) => source.inCategory(category, order),
  })

  return {
    product: (id: number, signal: AbortSignal) => products.getOrLoad(id, ({ signal }) => source.one(id, signal), { signal }),

    products: (ids: readonly number[], signal: AbortSignal) =>
      products.getOrLoadMany(ids, async (missing) => new Map((await source.many(missing.map(Number))).map((product) => [product.id, product])), { signal }),

    category: (category: number, order: Order, signal: AbortSignal) => lists.get({ category, order }, { signal }),

    /** Changes the row under a write intent: whoever reads after this has resolved reads the new row, from any process; in the lists of another process it shows once that process has heard of it. */
    change: (id: number, patch: Partial<Pick<Product, 'name' | 'priceCents'>>) =>
      products.mutate(id, async () => {
        const product = await source.one(id)
        return product && lists.mutateGroups(groupOf(product.categoryId), () => source.update(id, patch))
      }),

    drop: (id: number) => products.invalidate(id),

    /** After a change of the source that did not go through here: all lists of the category, by one bump. */
    dropLists: (category: number) => lists.bump(groupOf(category)),
  }
}

interface List { readonly category: number; readonly order: Order }

const groupOf = (category: number): string => `category:${category}`

export type Caches = ReturnType<typeof createCaches>
