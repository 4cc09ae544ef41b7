import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { createKeyv } from '@keyv/redis'
import { createCache } from 'cache-manager'
import type { Database, Product } from '../catalog.js'

/** Reads one of the two caches, and invalidates both. */
export function createProducts(
  { redisUrl, client, read }: { redisUrl: string; client: CacheClient; read: 'old' | 'new' },
  database: Database,
) {
  const before = createCache({
    stores: [createKeyv(redisUrl, { namespace: 'shop' })],
    ttl: 60_000,
  })
  const after = createAside<Product>({ client, prefix: 'product', ttl: '1m', clearable: true })

  return {
    get: (id: string) =>
      read === 'old'
        ? before.wrap(`product:${id}`, () => database.find(id))
        : after.getOrLoad(id, () => database.find(id)),

    async rename(id: string, name: string): Promise<void> {
      await after.mutate(id, () => database.rename(id, name))
      await before.del(`product:${id}`)
    },

    async clear(): Promise<void> {
      await after.clear()
      await before.clear()
    },

    close: () => before.disconnect(),
  }
}
