import { createReadThrough } from '@cache/aside'
import { CacheError, type CacheClient } from '@cache/core'
import { createLocks } from '@cache/lock'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { rateLimit } from '@cache/ratelimit/fastify'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Database, Product } from './database.js'

export interface Dependencies {
  readonly client: CacheClient
  readonly database: Database
}

interface ProductRoute {
  Params: { id: string }
}

interface PriceRoute extends ProductRoute {
  Body: { price: number }
}

const price = {
  type: 'object',
  required: ['price'],
  properties: { price: { type: 'number', exclusiveMinimum: 0 } },
}

/** Builds the service. The caller owns the client and the database, and closes them afterwards. */
export async function buildApp({ client, database }: Dependencies): Promise<FastifyInstance> {
  const app = Fastify()
  const products = createReadThrough({
    client,
    prefix: 'product',
    ttl: '10m',
    negativeTtl: '10s',
    load: (id: string) => database.find(id),
  })
  const locks = createLocks({ client, wait: '2s' })
  const limiter = createRateLimiter({
    client,
    prefix: 'http',
    limits: [slidingWindow({ name: 'burst', limit: 50, window: '10s' })],
  })
  app.addHook('onClose', () => locks.close())
  await app.register(rateLimit, { limiter })

  app.setErrorHandler((error: Error, _request, reply) => {
    if (error instanceof CacheError) return reply.code(503).send({ error: 'try again later' })
    return reply.send(error)
  })

  /** Changes a product that nobody else changes at the same time. */
  const change = (id: string, update: (product: Product) => Product | undefined) =>
    locks.withLock(`product:${id}`, async (lock) => {
      const product = await database.find(id)
      const updated = product && update(product)
      if (!updated) return { product, updated }
      await products.mutate(id, async () => {
        lock.assertHeld()
        await database.save(updated)
      })
      return { product, updated }
    })

  app.get<ProductRoute>('/products/:id', async ({ params }, reply) => {
    const product = await products.get(params.id)
    return product ?? reply.code(404).send({ error: 'no such product' })
  })

  app.put<PriceRoute>(
    '/products/:id/price',
    { schema: { body: price } },
    async (request, reply) => {
      const { params, body } = request
      const { updated } = await change(params.id, (product) => ({ ...product, price: body.price }))
      return updated ?? reply.code(404).send({ error: 'no such product' })
    },
  )

  app.post<ProductRoute>('/products/:id/orders', async ({ params }, reply) => {
    const { product, updated } = await change(params.id, ({ stock, ...rest }) =>
      stock > 0 ? { ...rest, stock: stock - 1 } : undefined,
    )
    if (!product) return reply.code(404).send({ error: 'no such product' })
    return updated ? reply.code(201).send(updated) : reply.code(409).send({ error: 'sold out' })
  })

  return app
}
