import { createKeyv } from '@keyv/redis'
import { createCache } from 'cache-manager'
import express from 'express'
import type { Database } from '../catalog.js'

export async function createService(redisUrl: string, database: Database) {
  const cache = createCache({
    stores: [createKeyv(redisUrl, { namespace: 'shop' })],
    ttl: 60_000,
    refreshThreshold: 10_000,
  })
  const app = express().use(express.json())

  app.get('/products/:id', async ({ params: { id } }, response) => {
    const product = await cache.wrap(`product:${id}`, () => database.find(id))
    if (product === undefined) return void response.sendStatus(404)
    response.json(product)
  })

  app.put('/products/:id', async ({ params: { id }, body }, response) => {
    await database.rename(id, body.name)
    await cache.del(`product:${id}`)
    response.sendStatus(204)
  })

  app.post('/products/import', async (_request, response) => {
    await cache.clear()
    response.sendStatus(204)
  })

  return { app, close: () => cache.disconnect() }
}
