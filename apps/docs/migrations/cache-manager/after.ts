import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { nodeRedisDriver } from '@cache/core/node-redis'
import express from 'express'
import { createClient } from 'redis'
import type { Database, Product } from '../catalog.js'

export async function createService(redisUrl: string, database: Database) {
  const redis = createClient({ url: redisUrl })
  const client = createCacheClient(nodeRedisDriver(redis), { namespace: 'shop', logger: console })
  const products = createAside<Product>({
    client,
    prefix: 'product',
    ttl: '1m',
    earlyRefresh: true,
    clearable: true,
  })
  const app = express().use(express.json())

  app.get('/products/:id', async ({ params: { id } }, response) => {
    const product = await products.getOrLoad(id, () => database.find(id))
    if (product === undefined) return void response.sendStatus(404)
    response.json(product)
  })

  app.put('/products/:id', async ({ params: { id }, body }, response) => {
    await products.mutate(id, () => database.rename(id, body.name))
    response.sendStatus(204)
  })

  app.post('/products/import', async (_request, response) => {
    await products.clear()
    response.sendStatus(204)
  })

  return {
    app,
    async close() {
      await client.close()
      redis.destroy()
    },
  }
}
