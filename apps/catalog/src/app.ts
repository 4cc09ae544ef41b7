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

/** The routes. `limit` stands before all of them. Errors are problems, by RFC 9457. */
export function createApp(caches: Caches, stats: Stats, limit: MiddlewareHandler): Hono {
  const app = new Hono()
  /**
   * As many at once as there are connections to the database: the others wait here, where no
   * deadline runs yet.
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
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, ID_OF_PRODUCT)
    const product = await caches.product(asked.data, c.req.raw.signal)
    return product ? c.json(product) : noProduct(c, asked.data)
  })

  app.get('/products', async (c) => {
    const asked = ids.safeParse(c.req.query('ids') ?? '')
    if (!asked.success)
      return problem(c, 400, 'Ask for ?ids=1,2,3: at most 100 positive whole numbers.')
    return c.json(await caches.products(asked.data, c.req.raw.signal))
  })

  app.get('/categories/:id', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, ID_OF_CATEGORY)
    const wanted = order.safeParse(c.req.query('order'))
    if (!wanted.success) return problem(c, 400, `Ask for ?order=${orders.join(', or ')}.`)
    return c.json(await caches.category(asked.data, wanted.data, c.req.raw.signal))
  })

  app.get('/categories/:id/products', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, ID_OF_CATEGORY)
    return c.json(await caches.shelf(asked.data, c.req.raw.signal))
  })

  app.get('/categories/:id/products/:product', async (c) => {
    const [category, product] = [
      id.safeParse(c.req.param('id')),
      id.safeParse(c.req.param('product')),
    ]
    if (!category.success || !product.success)
      return problem(c, 400, 'The ids of a category and of a product are positive whole numbers.')
    const found = await caches.shelved(product.data, c.req.raw.signal)
    return found?.categoryId === category.data
      ? c.json(found)
      : problem(c, 404, `There is no product ${product.data} in category ${category.data}.`)
  })

  app.post('/categories/:id/invalidate', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, ID_OF_CATEGORY)
    await write(() => caches.dropCategory(asked.data))
    return c.json({ dropped: true })
  })

  app.patch('/products/:id', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, ID_OF_PRODUCT)
    const wanted = patch.safeParse(await jsonOf(c))
    if (!wanted.success)
      return problem(c, 400, 'Send {"name": "…", "priceCents": 999}, or one of them.')
    const { name, priceCents } = wanted.data
    const product = await write(() =>
      caches.change(asked.data, {
        ...(name !== undefined && { name }),
        ...(priceCents !== undefined && { priceCents }),
      }),
    )
    return product ? c.json(product) : noProduct(c, asked.data)
  })

  app.post('/products/:id/invalidate', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, ID_OF_PRODUCT)
    return c.json({ dropped: await write(() => caches.drop(asked.data)) })
  })

  app.get('/health', (c) => c.json({ ok: true }))
  app.get('/stats', (c) => c.json(stats))
  app.notFound((c) => problem(c, 404, 'There is nothing at this address.'))
  app.onError(
    answerWith((error) =>
      error instanceof CacheWriteError
        ? 'It was changed; for a while its old state may still be read.'
        : undefined,
    ),
  )

  return app
}

function noProduct(c: Context, id: number): Response {
  return problem(c, 404, `There is no product ${id}.`)
}
