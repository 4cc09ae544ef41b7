import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { createVersioned } from '@cache/versioning'
import express from 'express'
import { Redis } from 'ioredis'
import type { Database } from '../catalog.js'

export async function createService(redisUrl: string, database: Database) {
  const redis = new Redis(redisUrl)
  const client = createCacheClient(ioredisDriver(redis), {
    namespace: 'shop2',
    logger: console,
    defaults: { ttl: '10m', staleIfError: '6h' },
  })
  const bus = createInvalidationBus({ client })
  await bus.ready().catch(console.warn)
  const near = withNearCache(client, { bus, maxEntries: 10_000 })
  const products = createVersioned({
    client: near,
    prefix: 'product',
    load: (id: string) => database.find(id),
    groups: (_id, product) => product && [`category:${product.category}`],
  })
  const categories = createVersioned({
    client: near,
    prefix: 'category',
    load: (name: string) => database.findCategory(name),
    groups: (name) => [`category:${name}`],
  })
  const app = express().use(express.json())

  app.get('/products/:id', async ({ params: { id } }, response) => {
    const product = await products.get(id)
    if (product === undefined) return void response.sendStatus(404)
    response.json(product)
  })

  app.get('/categories/:name', async ({ params: { name } }, response) => {
    response.json(await categories.get(name))
  })

  app.put('/products/:id', async ({ params: { id }, body }, response) => {
    const product = await database.find(id)
    if (product === undefined) return void response.sendStatus(404)
    await products.mutateGroups(`category:${product.category}`, () =>
      database.rename(id, body.name),
    )
    response.sendStatus(204)
  })

  return {
    app,
    async close() {
      await client.close()
      redis.disconnect()
    },
  }
}
