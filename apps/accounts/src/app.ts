import { CacheWriteError, limitTo } from '@cache/core'
import { answerWith, problem } from '@cache/problems'
import { BackpressureError } from '@cache/write-behind'
import { Hono, type Context, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Caches } from './caches.js'
import { createDeadLetters } from './dead-letters.js'
import { id, jsonOf, patch } from './input.js'

interface Env {
  readonly Variables: { id: number }
}

/**
 * Creates the routes. `limit` applies to all of them. Errors are answered with problem details
 * (RFC 9457). The routes of the dead letters require `adminToken`. Without one they do not exist.
 */
export function createApp(
  { users, activity, exports }: Caches,
  limit: MiddlewareHandler,
  adminToken?: string,
): Hono<Env> {
  const app = new Hono<Env>()
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
  for (const path of ['/users/:id', '/users/:id/*']) {
    app.use(path, async (c, next) => {
      const parsed = id.safeParse(c.req.param('id'))
      if (!parsed.success) return problem(c, 400, 'The id of a user is a positive whole number.')
      c.set('id', parsed.data)
      return next()
    })
  }

  app.get('/users/:id', async (c) => {
    const user = await users.get(c.var.id, { signal: c.req.raw.signal })
    return user ? c.json(user) : noUser(c, c.var.id)
  })

  app.patch('/users/:id', async (c) => {
    const parsed = patch.safeParse(await jsonOf(c))
    if (!parsed.success) return problem(c, 400, 'Send {"name": "…", "email": "…"}, or one of them.')
    const { name, email } = parsed.data
    const user = await write(() =>
      users.update(c.var.id, {
        ...(name !== undefined && { name }),
        ...(email !== undefined && { email }),
      }),
    )
    return user ? c.json(user) : noUser(c, c.var.id)
  })

  app.delete('/users/:id', async (c) => {
    return (await write(() => users.delete(c.var.id))) ? c.body(null, 204) : noUser(c, c.var.id)
  })

  app.post('/users/:id/visits', async (c) => {
    if (!(await users.get(c.var.id, { signal: c.req.raw.signal }))) return noUser(c, c.var.id)
    return c.json(
      await write(() =>
        activity.update(String(c.var.id), { visits: 1, lastSeen: new Date().toISOString() }),
      ),
    )
  })

  app.get('/users/:id/activity', async (c) => {
    return c.json((await activity.get(String(c.var.id))) ?? { visits: 0, lastSeen: null })
  })

  app.post('/users/:id/export', async (c) => {
    const created = await write(() => exports.create(c.var.id))
    if (created === 'busy')
      return problem(c, 409, `The data of user ${c.var.id} is being exported already.`)
    return created ? c.json(created, 201) : noUser(c, c.var.id)
  })

  app.get('/users/:id/export', async (c) => {
    const lastExport = await exports.last(c.var.id)
    return lastExport
      ? c.json(lastExport)
      : problem(c, 404, `The data of user ${c.var.id} has not been exported.`)
  })

  // Anyone may see the number of dead letters, but not their content.
  app.get('/queue', async (c) =>
    c.json({
      ...(await activity.pending()),
      deadLetters: (await activity.deadLetters.list()).length,
    }),
  )
  if (adminToken !== undefined)
    app.route('/dead-letters', createDeadLetters({ activity }, adminToken))
  app.get('/health', (c) => c.json({ ok: true }))
  app.notFound((c) => problem(c, 404, 'There is nothing at this address.'))
  app.onError(answerWith(detailOf))

  return app
}

function detailOf(error: Error): string | undefined {
  if (error instanceof CacheWriteError)
    return 'The user was changed, but reads may return the old state for up to 5 s.'
  if (error instanceof BackpressureError)
    return 'Too many writes are waiting for the database. Try again later.'
  return undefined
}

function noUser(c: Context, id: number): Response {
  return problem(c, 404, `There is no user ${id}.`)
}
