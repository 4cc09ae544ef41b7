import { randomUUID } from 'node:crypto'
import { UsageError } from '@cache/core'
import { objectOption, readOptions, required } from '@cache/core/internal'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { HttpCache } from '../cache/types.js'
import type { Idempotency, IdempotencyContext } from '../idempotency/types.js'
import { applyConditions, isAsSent, toRequest } from '../node/request.js'
import { Exchange, type Exchanges } from './fastify-exchange.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The run of the request's Idempotency-Key; `null` without `idempotencyKeys`. */
    idempotency: IdempotencyContext | null
  }
}

/**
 * A plugin for Fastify 5 that answers from a cache. It applies to all routes of the instance that
 * it is registered on, and to those below. `onRequest` hooks that were added before it run for each
 * request.
 *
 * A stale page is rendered again by a request of its own (`app.inject`), after the client was
 * answered.
 *
 * @throws {InvalidOptionError} naming the option, from `register`.
 * @example
 * const cache = createHttpCache({ client, prefix: 'pages' })
 * await app.register(responseCache, { cache })
 */
export async function responseCache(
  app: FastifyInstance,
  options: { readonly cache: HttpCache },
): Promise<void> {
  const { cache } = readOptions('responseCache', cacheOptions, options)
  const exchanges: Exchanges = new WeakMap()
  /** Requests that render a stale page again, by the token in their header. */
  const renderings = new Map<string, (response: Response) => void>()
  const ownRenderings = new WeakMap<FastifyRequest, (response: Response) => void>()

  async function renderAgain(forwarded: Request, like: FastifyRequest): Promise<Response> {
    const token = randomUUID()
    const { pathname, search } = new URL(forwarded.url)
    try {
      return await new Promise<Response>((resolve, reject) => {
        renderings.set(token, resolve)
        app
          .inject({
            method: 'GET',
            url: pathname + search,
            headers: { ...Object.fromEntries(forwarded.headers), [RENDERING]: token },
            remoteAddress: like.ip,
          })
          // A hook before this plugin has answered.
          .then(({ statusCode }) => resolve(new Response(null, { status: statusCode })), reject)
      })
    } finally {
      renderings.delete(token)
    }
  }

  app.addHook('onRequest', async (request, reply) => {
    const token = request.headers[RENDERING]
    const rendering = typeof token === 'string' ? renderings.get(token) : undefined
    delete request.headers[RENDERING]
    if (rendering) {
      ownRenderings.set(request, rendering)
      exchanges.set(request, new Exchange(reply))
      return
    }
    const asked = toRequest(request.raw, request.originalUrl)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (!asked || (isRead && !isAsSent(asked, request.originalUrl))) return
    const exchange = new Exchange(reply)
    const answer = await exchange.begin(
      cache.handle(
        asked,
        (forwarded) => {
          applyConditions(request.raw, forwarded)
          return exchange.handler()
        },
        { background: (forwarded) => renderAgain(forwarded, request) },
      ),
    )
    if (answer) await reply.send(exchange.apply(answer))
    else exchanges.set(request, exchange)
  })

  app.addHook('onSend', async (request, _reply, payload) => {
    const exchange = exchanges.get(request)
    if (!exchange) return payload
    exchanges.delete(request)
    const rendering = ownRenderings.get(request)
    if (!rendering) return exchange.sent(payload)
    rendering(exchange.toResponse(payload))
    return exchange.apply(new Response(null, { status: 204 }))
  })
}

/**
 * A plugin for Fastify 5 that runs each handler once for each Idempotency-Key. It applies to all
 * routes of the instance that it is registered on, and to those below. `preHandler` hooks that were
 * added before it, such as authentication, run for each request. The context of the run is in
 * `request.idempotency`.
 *
 * @throws {InvalidOptionError} naming the option, from `register`.
 * @example await app.register(idempotencyKeys, { idempotency })
 */
export async function idempotencyKeys(
  app: FastifyInstance,
  options: { readonly idempotency: Idempotency },
): Promise<void> {
  const { idempotency } = readOptions('idempotencyKeys', idempotencyOptions, options)
  const exchanges: Exchanges = new WeakMap()

  if (!app.hasRequestDecorator('idempotency')) app.decorateRequest('idempotency', null)
  app.addHook('preHandler', async (request, reply) => {
    const asked = toRequest(request.raw, request.originalUrl)
    if (!asked) return
    const exchange = new Exchange(reply)
    const answer = await exchange.begin(
      idempotency.handle(
        asked,
        (_, context) => {
          request.idempotency = context
          return exchange.handler()
        },
        { body: bodyOf(request) },
      ),
    )
    if (answer) await reply.send(exchange.apply(answer))
    else exchanges.set(request, exchange)
  })

  app.addHook('onSend', async (request, _reply: FastifyReply, payload) => {
    const exchange = exchanges.get(request)
    if (!exchange) return payload
    exchanges.delete(request)
    return exchange.sent(payload)
  })
}

for (const plugin of [responseCache, idempotencyKeys])
  // Applies the plugin to its parent's routes too, not only to those below it:
  // https://fastify.dev/docs/latest/Reference/Plugins/#handle-the-scope
  Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: `@cache/http ${plugin.name}`,
  })

const RENDERING = 'x-cache-rendering'

const cacheOptions = {
  cache: objectOption(['handle'], 'a cache: createHttpCache(…)', required),
}
const idempotencyOptions = {
  idempotency: objectOption(['handle'], 'createIdempotency(…)', required),
}

function bodyOf({ body }: FastifyRequest): Uint8Array {
  if (body === undefined || body === null) return new Uint8Array()
  if (body instanceof Uint8Array) return body
  if (typeof body === 'string') return Buffer.from(body)
  if (typeof (body as { pipe?: unknown }).pipe === 'function')
    throw new UsageError('idempotencyKeys() needs a parsed body, but this one is a stream.')
  return Buffer.from(JSON.stringify(body))
}
