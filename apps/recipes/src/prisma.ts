import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import type { PrismaClient, Product } from '../generated/client.js'

export function createProducts(client: CacheClient, prisma: PrismaClient) {
  const cache = createAside<Product>({ client, prefix: 'product', ttl: '1h' })
  return {
    get: (id: number) => cache.getOrLoad(id, () => prisma.product.findUnique({ where: { id } })),

    async rename(id: number, name: string): Promise<void> {
      await using change = await cache.beginMutation(id) // aborted at the end, unless committed
      await prisma.$transaction(async (tx) => {
        await tx.product.update({ where: { id }, data: { name } })
      })
      await change.commit()
    },
  }
}
