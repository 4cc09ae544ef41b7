import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import express from 'express'
import { Redis } from 'ioredis'
import type { Database } from '../catalog.js'

export async function createService(redisUrl: string, database: Database) {
  const connections = [new Redis(redisUrl), new Redis(redisUrl)] as const
  for (const connection of connections) connection.on('error', console.warn)
  const bento = new BentoCache({
    default: 'products',
    prefix: 'shop',
    ttl: '10m',
    grace: '6h',
    stores: {
      products: bentostore()
        .useL1Layer(memoryDriver({ maxItems: 10_000 }))
        .useL2Layer(redisDriver({ connection: connections[0] }))
        .useBus(redisBusDriver({ connection: connections[1] })),
    },
  })
  const app = express().use(express.json())

  const findProduct = (id: string) =>
    bento.getOrSet({
      key: `product:${id}`,
      factory: async ({ setTags, skip }) => {
        const product = await database.find(id)
        if (product === undefined) return skip()
        setTags([`category:${product.category}`])
        return product
      },
    })

  app.get('/products/:id', async ({ params: { id } }, response) => {
    const product = await findProduct(id)
    if (product === undefined) return void response.sendStatus(404)
    response.json(product)
  })

  app.get('/categories/:name', async ({ params: { name } }, response) => {
    const products = await bento.getOrSet({
      key: `category:${name}`,
      tags: [`category:${name}`],
      factory: () => database.findCategory(name),
    })
    response.json(products)
  })

  app.put('/products/:id', async ({ params: { id }, body }, response) => {
    const product = await database.find(id)
    if (product === undefined) return void response.sendStatus(404)
    await database.rename(id, body.name)
    await bento.deleteByTag({ tags: [`category:${product.category}`] })
    response.sendStatus(204)
  })

  return {
    app,
    async close() {
      await bento.disconnectAll()
      for (const connection of connections) connection.disconnect()
    },
  }
}
