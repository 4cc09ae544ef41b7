import { createAside, createReadThrough } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { productSchema, type Product, type Products } from './products.js'

/** What the service keeps: products in Redis, and the list of each category in the process as well. */
export function createCaches(client: CacheClient, near: CacheClient, source: Products) {
  const products = createAside<Product>({ client, prefix: 'product', ttl: '10m', jitter: 0.1, negativeTtl: '5s', schema: productSchema })
  const categories = createReadThrough({ client: near, prefix: 'category', ttl: '10m', jitter: 0.1, load: (id: number) => source.inCategory(id) })

  return {
    product: (id: number, signal: AbortSignal) => products.getOrLoad(id, ({ signal }) => source.one(id, signal), { signal }),

    products: (ids: readonly number[], signal: AbortSignal) =>
      products.getOrLoadMany(ids, async (missing) => new Map((await source.many(missing.map(Number))).map((product) => [product.id, product])), { signal }),

    category: (id: number, signal: AbortSignal) => categories.get(id, { signal }),

    /** Changes the row under a write intent: whoever reads after this has resolved reads the new row, from any process; in the list of another process it shows once that process has heard of it. */
    change: (id: number, patch: Partial<Pick<Product, 'name' | 'priceCents'>>) =>
      products.mutate(id, async () => {
        const product = await source.one(id)
        return product && categories.mutate(product.categoryId, () => source.update(id, patch))
      }),

    drop: (id: number) => products.invalidate(id),
  }
}

export type Caches = ReturnType<typeof createCaches>
