import { objectOption, readOptions, required } from '@cache/core/internal'
import type { Context, Env, Hono, MiddlewareHandler } from 'hono'
import type { HttpCache } from '../cache/types.js'
import type { Idempotency, IdempotencyContext } from '../idempotency/types.js'

/** The variables that `idempotencyKeys` sets in the context. */
export interface IdempotencyVariables {
  readonly idempotency: IdempotencyContext
}

/**
 * Creates a middleware for Hono 4 that answers from a cache. Middlewares that were added before it
 * run for each request; what comes after it runs for those that the cache does not answer.
 *
 * `app` is the application that requests arrive at. A stale page is rendered again by a request of
 * its own through it, after the client was answered.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example app.use(responseCache({ cache: createHttpCache({ client, prefix: 'pages' }), app }))
 */
export function responseCache<E extends Env = Env>(options: {
  readonly cache: HttpCache
  readonly app: Pick<Hono<E>, 'fetch'>
}): MiddlewareHandler<E> {
  const { cache, app } = readOptions('responseCache', cacheOptions, options)
  /** Requests that render a stale page again, and what they render. */
  const renderings = new WeakMap<Request, (response: Response) => void>()

  return async (c, next) => {
    const rendering = renderings.get(c.req.raw)
    if (rendering) {
      await next()
      rendering(c.res)
      return replace(c, new Response(null, { status: 204 }))
    }
    const response = await cache.handle(
      c.req.raw,
      async (forwarded) => {
        if (c.req.method === 'GET' || c.req.method === 'HEAD') c.req.raw = forwarded
        await next()
        return c.res
      },
      {
        background: async (forwarded) =>
          new Promise<Response>((resolve, reject) => {
            renderings.set(forwarded, resolve)
            Promise.resolve(app.fetch(forwarded, c.env)).then(resolve, reject)
          }),
      },
    )
    replace(c, response)
  }
}

/**
 * Creates a middleware for Hono 4 that runs what follows it once for each Idempotency-Key. Add it
 * after authentication, and before what parses forms. The context of the run is in
 * `c.get('idempotency')`.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example app.post('/payments', idempotencyKeys({ idempotency }), charge)
 */
export function idempotencyKeys<E extends Env = Env>(options: {
  readonly idempotency: Idempotency
}): MiddlewareHandler<E> {
  const { idempotency } = readOptions('idempotencyKeys', idempotencyOptions, options)

  return async (c, next) => {
    // Hono keeps the bodies that its methods have read.
    const isRead = c.req.raw.bodyUsed
    const response = await idempotency.handle(
      c.req.raw,
      async (request, context) => {
        if (!isRead) c.req.raw = request
        ;(c as Context).set('idempotency', context)
        await next()
        return c.res
      },
      isRead ? { body: new Uint8Array(await c.req.arrayBuffer()) } : {},
    )
    replace(c, response)
  }
}

const cacheOptions = {
  cache: objectOption(['handle'], 'a cache: createHttpCache(…)', required),
  app: objectOption(['fetch'], 'the Hono application', required),
}
const idempotencyOptions = {
  idempotency: objectOption(['handle'], 'createIdempotency(…)', required),
}

/** Hono would merge the headers of both responses otherwise. */
function replace(c: Context, response: Response): void {
  c.res = undefined
  c.res = response
}
