import { CacheWriteError, limitTo } from '@cache/core'
import { answerWith, problem } from '@cache/problems'
import { Hono, type Context, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Caches } from './caches.js'
import { id, ids, jsonOf, order, patch } from './input.js'
import { orders } from './products.js'
import type { Stats } from './stats.js'

const ID_OF_PRODUCT = 'The id of a product is a positive whole number.'
const ID_OF_CATEGORY = 'The id of a category is a positive whole number.'

/**
 * Creates the routes. `limit` applies to all of them. Errors are answered with problem details
 * (RFC 9457).
 */
export function createApp(caches: Caches, stats: Stats, limit: MiddlewareHandler): Hono {
  const app = new Hono()
  /**
   * Limits concurrent writes to the number of database connections. Other writes wait here, before
   * their deadline starts.
   */
  const write = limitTo(8, { most: 2_000, within: 10_000 })
  app.use(limit)
  app.use(
    bodyLimit({
      maxSize: 16_384,
      onError: (c) => (c.header('connection', 'close'), problem(c, 413, 'Send at most 16 KiB.')),
    }),
  )

  app.get('/products/:id', async (c) => {
    const parsed = id.safeParse(c.req.param('id'))
    if (!parsed.success) return problem(c, 400, ID_OF_PRODUCT)
    const product = await caches.product(parsed.data, c.req.raw.signal)
    return product ? c.json(product) : noProduct(c, parsed.data)
  })

  app.get('/products', async (c) => {
    const parsed = ids.safeParse(c.req.query('ids') ?? '')
    if (!parsed.success)
      return problem(c, 400, 'Send ?ids=1,2,3: at most 100 positive whole numbers.')
    return c.json(await caches.products(parsed.data, c.req.raw.signal))
  })

  app.get('/categories/:id', async (c) => {
    const parsed = id.safeParse(c.req.param('id'))
    if (!parsed.success) return problem(c, 400, ID_OF_CATEGORY)
    const parsedOrder = order.safeParse(c.req.query('order'))
    if (!parsedOrder.success) return problem(c, 400, `Send ?order=${orders.join(', or ')}.`)
    return c.json(await caches.category(parsed.data, parsedOrder.data, c.req.raw.signal))
  })

  app.get('/categories/:id/products', async (c) => {
    const parsed = id.safeParse(c.req.param('id'))
    if (!parsed.success) return problem(c, 400, ID_OF_CATEGORY)
    return c.json(await caches.productsInCategory(parsed.data, c.req.raw.signal))
  })

  app.get('/categories/:id/products/:product', async (c) => {
    const categoryId = id.safeParse(c.req.param('id'))
    const productId = id.safeParse(c.req.param('product'))
    if (!categoryId.success || !productId.success)
      return problem(c, 400, 'The ids of a category and of a product are positive whole numbers.')
    const product = await caches.productInCategory(productId.data, c.req.raw.signal)
    return product?.categoryId === categoryId.data
      ? c.json(product)
      : problem(c, 404, `There is no product ${productId.data} in category ${categoryId.data}.`)
  })

  app.post('/categories/:id/invalidate', async (c) => {
    const parsed = id.safeParse(c.req.param('id'))
    if (!parsed.success) return problem(c, 400, ID_OF_CATEGORY)
    await write(() => caches.invalidateCategory(parsed.data))
    return c.json({ dropped: true })
  })

  app.patch('/products/:id', async (c) => {
    const parsed = id.safeParse(c.req.param('id'))
    if (!parsed.success) return problem(c, 400, ID_OF_PRODUCT)
    const parsedPatch = patch.safeParse(await jsonOf(c))
    if (!parsedPatch.success)
      return problem(c, 400, 'Send {"name": "…", "priceCents": 999}, or one of them.')
    const { name, priceCents } = parsedPatch.data
    const product = await write(() =>
      caches.update(parsed.data, {
        ...(name !== undefined && { name }),
        ...(priceCents !== undefined && { priceCents }),
      }),
    )
    return product ? c.json(product) : noProduct(c, parsed.data)
  })

  app.post('/products/:id/invalidate', async (c) => {
    const parsed = id.safeParse(c.req.param('id'))
    if (!parsed.success) return problem(c, 400, ID_OF_PRODUCT)
    return c.json({ dropped: await write(() => caches.invalidate(parsed.data)) })
  })

  app.get('/health', (c) => c.json({ ok: true }))
  app.get('/stats', (c) => c.json(stats))
  app.notFound((c) => problem(c, 404, 'There is nothing at this address.'))
  app.onError(
    answerWith((error) =>
      error instanceof CacheWriteError
        ? 'The product was changed, but reads may return the old state for a while.'
        : undefined,
    ),
  )

  return app
}

function noProduct(c: Context, id: number): Response {
  return problem(c, 404, `There is no product ${id}.`)
}
