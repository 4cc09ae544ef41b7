import { createAside } from '@cache/aside'
import { CacheWriteError, type CacheClient } from '@cache/core'
import { createHierarchical } from '@cache/hierarchical'
import { createVersioned } from '@cache/versioning'
import { productSchema, type Order, type Product, type Products } from './products.js'

/**
 * What the service keeps: products; the lists of each category, one for each order, in the process
 * as well; and shelves, products within their category.
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
  const lists = createVersioned({
    client: near,
    prefix: 'category',
    ttl: '10m',
    jitter: 0.1,
    key: ({ category, order }: List) => [category, order],
    groups: ({ category }) => [groupOf(category)],
    load: ({ category, order }) => source.inCategory(category, order),
  })
  const shelves = createHierarchical({
    client,
    ttl: SHELF_TTL,
    jitter: 0.1,
    schema: productSchema,
    item: { prefix: 'shelved', id: (product: Product) => product.id },
    group: { prefix: 'shelf', id: (product: Product) => product.categoryId },
    groupOf: async (id: number) => (await source.one(id))?.categoryId,
    loadGroup: (category: number) => source.inCategory(category, 'id'),
  })

  /**
   * After a change: where Redis does not hear of it any more, the caller is to know that the row
   * has changed all the same.
   */
  const unshelve = async (product: Product | undefined, id: number): Promise<void> => {
    await shelves.invalidate(id).catch((cause: unknown) => {
      throw product ? new CacheWriteError([`shelved:${id}`], product, SHELF_TTL, cause) : cause
    })
  }

  return {
    product: (id: number, signal: AbortSignal) =>
      products.getOrLoad(id, ({ signal }) => source.one(id, signal), { signal }),

    products: (ids: readonly number[], signal: AbortSignal) =>
      products.getOrLoadMany(
        ids,
        async (missing) =>
          new Map((await source.many(missing.map(Number))).map((product) => [product.id, product])),
        { signal },
      ),

    category: (category: number, order: Order, signal: AbortSignal) =>
      lists.get({ category, order }, { signal }),

    /** The products of a category, each of which is also kept by itself. */
    shelf: (category: number, signal: AbortSignal) => shelves.getGroup(category, { signal }),

    /** One of them: by itself, or out of its category. */
    shelved: (id: number, signal: AbortSignal) => shelves.get(id, { signal }),

    /**
     * Changes the row under a write intent: whoever reads after this has resolved reads the new
     * row, from any process; in the lists of another process it shows once that process has heard
     * of it.
     */
    change: (id: number, patch: Partial<Pick<Product, 'name' | 'priceCents'>>) =>
      products.mutate(id, async () => {
        const product = await source.one(id)
        if (!product) return undefined
        const changed = await lists.mutateGroups(groupOf(product.categoryId), () =>
          source.update(id, patch),
        )
        await unshelve(changed, id)
        return changed
      }),

    async drop(id: number) {
      const [dropped] = await Promise.all([products.invalidate(id), shelves.invalidate(id)])
      return dropped
    },

    /**
     * After a change of the source that did not go through here: the category's lists, by one bump,
     * and its shelf with all that is on it.
     */
    async dropCategory(category: number) {
      await Promise.all([lists.bump(groupOf(category)), shelves.invalidateGroup(category)])
    },
  }
}

interface List {
  readonly category: number
  readonly order: Order
}

/** Ms. */
const SHELF_TTL = 600_000

const groupOf = (category: number): string => `category:${category}`

export type Caches = ReturnType<typeof createCaches>
