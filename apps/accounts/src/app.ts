import { CacheError, CacheWriteError } from '@cache/core'
import { BackpressureError } from '@cache/write-behind'
import { Hono, type Context } from 'hono'
import { z } from 'zod'
import type { Caches } from './caches.js'

const id = z.coerce.number().int().positive().max(2 ** 31 - 1)
const patch = z.strictObject({ name: z.string().min(1).max(200), email: z.email() }).partial()

/** The routes. Errors are problems, by RFC 9457. */
export function createApp({ users, activity, exports }: Caches): Hono {
  const app = new Hono()

  app.get('/users/:id', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a user is a positive whole number.')
    const user = await users.get(asked.data, { signal: c.req.raw.signal })
    return user ? c.json(user) : problem(c, 404, `There is no user ${asked.data}.`)
  })

  app.patch('/users/:id', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    const wanted = patch.safeParse(await c.req.json().catch(() => undefined))
    if (!asked.success || !wanted.success) return problem(c, 400, 'Send {"name": "…", "email": "…"}, or one of them.')
    const { name, email } = wanted.data
    const user = await users.update(asked.data, { ...(name !== undefined && { name }), ...(email !== undefined && { email }) })
    return user ? c.json(user) : problem(c, 404, `There is no user ${asked.data}.`)
  })

  app.delete('/users/:id', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a user is a positive whole number.')
    return (await users.delete(asked.data)) ? c.body(null, 204) : problem(c, 404, `There is no user ${asked.data}.`)
  })

  app.post('/users/:id/visits', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a user is a positive whole number.')
    return c.json(await activity.write(String(asked.data), { visits: 1, lastSeen: new Date().toISOString() }))
  })

  app.get('/users/:id/activity', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a user is a positive whole number.')
    return c.json((await activity.get(String(asked.data))) ?? { visits: 0, lastSeen: null })
  })

  app.post('/users/:id/export', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a user is a positive whole number.')
    const made = await exports.make(asked.data)
    if (made === 'busy') return problem(c, 409, `The data of user ${asked.data} is being exported already.`)
    return made ? c.json(made, 201) : problem(c, 404, `There is no user ${asked.data}.`)
  })

  app.get('/users/:id/export', async (c) => {
    const asked = id.safeParse(c.req.param('id'))
    if (!asked.success) return problem(c, 400, 'The id of a user is a positive whole number.')
    const made = await exports.last(asked.data)
    return made ? c.json(made) : problem(c, 404, `The data of user ${asked.data} has not been exported.`)
  })

  app.get('/queue', async (c) => c.json({ ...(await activity.pending()), deadLetters: await activity.deadLetters.list() }))
  app.get('/health', (c) => c.json({ ok: true }))

  app.onError((error, c) => {
    if (error instanceof CacheWriteError) return problem(c, 503, 'The user was changed; for up to 5 s its old state may still be read.')
    if (error instanceof BackpressureError) return problem(c, 503, 'Too much waits for the database. Try again later.')
    if (error instanceof CacheError) return problem(c, 503, `Nothing was changed: ${error.message}`)
    return problem(c, 500, 'The database did not answer.')
  })

  return app
}

function problem(c: Context, status: 400 | 404 | 409 | 500 | 503, detail: string): Response {
  return c.json({ status, detail }, status, { 'content-type': 'application/problem+json' })
}
