import { createAside } from '@cache/aside'
import { CacheWriteError, type CacheClient } from '@cache/core'
import { createHierarchical } from '@cache/hierarchical'
import { createVersioned } from '@cache/versioning'
import { productSchema, type Order, type Product, type Products } from './products.js'

/**
 * Creates the caches of the service:
 *
 * - products, with cache-aside;
 * - the lists of each category, one for each order, with group versions and a near cache;
 * - products within their category, with the hierarchical cache.
 */
export function createCaches(client: CacheClient, near: CacheClient, source: Products) {
  const products = createAside<Product>({
    client,
    prefix: 'product',
    ttl: '10m',
    jitter: 0.1,
    negativeTtl: '5s',
    schema: productSchema,
  })
  const categoryLists = createVersioned({
    client: near,
    prefix: 'category',
    ttl: '10m',
    jitter: 0.1,
    key: ({ category, order }: List) => [category, order],
    groups: ({ category }) => [groupOf(category)],
    load: ({ category, order }) => source.inCategory(category, order),
  })
  const productsByCategory = createHierarchical({
    client,
    ttl: HIERARCHICAL_TTL,
    jitter: 0.1,
    schema: productSchema,
    item: { prefix: 'shelved', id: (product: Product) => product.id },
    group: { prefix: 'shelf', id: (product: Product) => product.categoryId },
    groupOf: async (id: number) => (await source.find(id))?.categoryId,
    loadGroup: (category: number) => source.inCategory(category, 'id'),
  })

  /**
   * Invalidates a changed product in the hierarchical cache. If Redis fails, the error tells the
   * caller that the row has changed nevertheless.
   */
  const invalidateInCategory = async (product: Product | undefined, id: number): Promise<void> => {
    await productsByCategory.invalidate(id).catch((cause: unknown) => {
      throw product
        ? new CacheWriteError([`shelved:${id}`], product, HIERARCHICAL_TTL, cause)
        : cause
    })
  }

  return {
    product: (id: number, signal: AbortSignal) =>
      products.getOrLoad(id, ({ signal }) => source.find(id, signal), { signal }),

    products: (ids: readonly number[], signal: AbortSignal) =>
      products.getOrLoadMany(
        ids,
        async (missing) =>
          new Map(
            (await source.findMany(missing.map(Number))).map((product) => [product.id, product]),
          ),
        { signal },
      ),

    category: (category: number, order: Order, signal: AbortSignal) =>
      categoryLists.get({ category, order }, { signal }),

    /** Returns the products of a category. Each of them is also cached as an entry of its own. */
    productsInCategory: (category: number, signal: AbortSignal) =>
      productsByCategory.getGroup(category, { signal }),

    /** Returns a product, from its own entry or from its category. */
    productInCategory: (id: number, signal: AbortSignal) => productsByCategory.get(id, { signal }),

    /**
     * Changes the row under a write intent. Once this has resolved, every process reads the new
     * row. The lists in another process's near cache follow when it receives the invalidation.
     */
    update: (id: number, patch: Partial<Pick<Product, 'name' | 'priceCents'>>) =>
      products.mutate(id, async () => {
        const product = await source.find(id)
        if (!product) return undefined
        const changed = await categoryLists.mutateGroups(groupOf(product.categoryId), () =>
          source.update(id, patch),
        )
        await invalidateInCategory(changed, id)
        return changed
      }),

    async invalidate(id: number) {
      const [dropped] = await Promise.all([
        products.invalidate(id),
        productsByCategory.invalidate(id),
      ])
      return dropped
    },

    /**
     * Invalidates the lists of a category with one bump, and its products in the hierarchical
     * cache. Call it after a change of the database that bypassed this service.
     */
    async invalidateCategory(category: number) {
      await Promise.all([
        categoryLists.bump(groupOf(category)),
        productsByCategory.invalidateGroup(category),
      ])
    },
  }
}

interface List {
  readonly category: number
  readonly order: Order
}

/** In milliseconds. */
const HIERARCHICAL_TTL = 600_000

const groupOf = (category: number): string => `category:${category}`

export type Caches = ReturnType<typeof createCaches>
