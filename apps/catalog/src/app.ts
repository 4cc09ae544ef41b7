import { CacheError, CacheWriteError } from '@cache/core'
import { Hono, type Context, type MiddlewareHandler } from 'hono'
import { z } from 'zod'
import type { Caches } from './caches.js'
import { orders } from './products.js'
import type { Stats } from './stats.js'

const id = z.coerce.number().int().positive().max(2 ** 31 - 1)
const ids = z.string().transform((text) => text.split(',').map(Number)).pipe(z.array(z.number().int().positive().max(2 ** 31 - 1)).min(1).max(100))
const patch = z.strictObject({ name: z.string().min(1).max(200), priceCents: z.number().int().nonnegative() }).partial()

/** The routes. Errors are problems, by RFC 9457. */
export function createApp(caches: Caches, stats: Stats, limit: MiddlewareHandler): Hono {
  const app = new Hono()
  app.use('/products/*', limit)

  app.get('/products/:id', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a product is a positive whole number.')
    const product = await caches.product(asked.data, c.req.raw.signal)
    return product ? c.json(product) : problem(c, 404, `There is no product ${asked.data}.`)
  })

  app.get('/products', async (c) => {
    const asked = ids.safeParse(c.req.query('ids') ?? '')
    if (!asked.success) return problem(c, 400, 'Ask for ?ids=1,2,3: at most 100 positive whole numbers.')
    return c.json(await caches.products(asked.data, c.req.raw.signal))
  })

  app.get('/categories/:id', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a category is a positive whole number.')
    const order = z.enum(orders).default('id').safeParse(c.req.query('order'))
    if (!order.success) return problem(c, 400, `Ask for ?order=${orders.join(', or ')}.`)
    return c.json(await caches.category(asked.data, order.data, c.req.raw.signal))
  })

  app.get('/categories/:id/products', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a category is a positive whole number.')
    return c.json(await caches.shelf(asked.data, c.req.raw.signal))
  })

  app.get('/categories/:id/products/:product', async (c) => {
    const [category, product] = [id.safeParse(c.req.param('id')), id.safeParse(c.req.param('product'))]
    if (!category.success || !product.success) return problem(c, 400, 'The ids of a category and of a product are positive whole numbers.')
    const found = await caches.shelved(product.data, c.req.raw.signal)
    return found?.categoryId === category.data ? c.json(found) : problem(c, 404, `There is no product ${product.data} in category ${category.data}.`)
  })

  app.post('/categories/:id/invalidate', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a category is a positive whole number.')
    await caches.dropCategory(asked.data)
    return c.json({ dropped: true })
  })

  app.patch('/products/:id', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    const wanted = patch.safeParse(await c.req.json().catch(() => undefined))
    if (!asked.success || !wanted.success) return problem(c, 400, 'Send {"name": "…", "priceCents": 999}, or one of them.')
    const { name, priceCents } = wanted.data
    const product = await caches.change(asked.data, { ...(name !== undefined && { name }), ...(priceCents !== undefined && { priceCents }) })
    return product ? c.json(product) : problem(c, 404, `There is no product ${asked.data}.`)
  })

  app.post('/products/:id/invalidate', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a product is a positive whole number.')
    return c.json({ dropped: await caches.drop(asked.data) })
  })

  app.get('/health', (c) => c.json({ ok: true }))
  app.get('/stats', (c) => c.json(stats))

  app.onError((error, c) => {
    if (error instanceof CacheWriteError) return problem(c, 503, 'The product was changed; for a while its old state may still be read.')
    if (error instanceof CacheError) return problem(c, 503, `Nothing was changed: ${error.message}`)
    if (error.name === 'AbortError') return problem(c, 503, 'The client has left.')
    return problem(c, 500, 'The database did not answer.')
  })

  return app
}

function problem(c: Context, status: 400 | 404 | 500 | 503, detail: string): Response {
  return c.json({ status, detail }, status, { 'content-type': 'application/problem+json' })
}
