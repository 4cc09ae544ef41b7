import type { Versioned } from '@cache/versioning'
import type { BentoCache } from 'bentocache'
import type { Database, Product } from '../catalog.js'

/** Changes a product, and invalidates its category in both caches, whichever of them is read. */
export async function rename(
  { id, category }: Product,
  name: string,
  database: Database,
  caches: {
    readonly bento: Pick<BentoCache<never>, 'deleteByTag'>
    readonly products: Pick<Versioned<Product | undefined, string>, 'mutateGroups'>
  },
): Promise<void> {
  await caches.products.mutateGroups(`category:${category}`, () => database.rename(id, name))
  await caches.bento.deleteByTag({ tags: [`category:${category}`] })
}
