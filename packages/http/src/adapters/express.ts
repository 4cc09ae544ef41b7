import type { IncomingMessage, ServerResponse } from 'node:http'
import { UsageError } from '@cache/core'
import { objectOption, readOptions, required } from '@cache/core/internal'
import type { HttpCache } from '../cache/types.js'
import type { Idempotency, IdempotencyContext } from '../idempotency/types.js'
import { captureResponse } from '../node/capture.js'
import { dispatch, type NodeApp } from '../node/dispatch.js'
import { applyConditions, isAsSent, toRequest } from '../node/request.js'

/** A request of Express, as far as these middlewares know it. */
export interface ExpressRequest extends IncomingMessage {
  readonly originalUrl?: string
  readonly app?: unknown
  readonly body?: unknown
  readonly rawBody?: unknown
}

export type ExpressMiddleware = (
  request: ExpressRequest,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * Creates a middleware for Express 4 and 5 that answers from a cache. What was mounted before it
 * runs for each request; what comes after it runs for those that the cache does not answer.
 *
 * A stale page is rendered again by a request of its own through the whole application, after the
 * client was answered.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example app.use(responseCache({ cache: createHttpCache({ client, prefix: 'pages' }) }))
 */
export function responseCache(options: { readonly cache: HttpCache }): ExpressMiddleware {
  const { cache } = readOptions('responseCache', cacheOptions, options)
  /** Requests that render a stale page again, and what they render. */
  const renderings = new WeakMap<IncomingMessage, (response: Promise<Response>) => void>()

  return (incoming, outgoing, next) => {
    const rendering = renderings.get(incoming)
    if (rendering) {
      rendering(captureResponse(outgoing).response)
      return next()
    }
    const request = toRequest(incoming, incoming.originalUrl)
    if (!request || isAmbiguous(request, incoming)) return next()
    const captured = captureResponse(outgoing)
    cache
      .handle(
        request,
        (forwarded) => {
          applyConditions(incoming, forwarded)
          next()
          return captured.response
        },
        {
          background: (forwarded) =>
            new Promise((resolve, reject) => {
              dispatch(rootOf(incoming.app), forwarded, incoming, (own) =>
                renderings.set(own, (response) => response.then(resolve, reject)),
              ).then(resolve, reject)
            }),
        },
      )
      .then((response) => captured.send(response))
      .catch((error: unknown) => captured.fail(error, next))
  }
}

/**
 * Creates a middleware for Express 4 and 5 that runs what follows it once for each Idempotency-Key.
 * Mount it after the body parser and after authentication. The context of the run is in
 * `response.locals.idempotency`.
 *
 * The body is compared as `request.rawBody` if there is one, and as the parsed `request.body`
 * otherwise.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example app.post('/payments', express.json(), idempotencyKeys({ idempotency }), charge)
 */
export function idempotencyKeys(options: { readonly idempotency: Idempotency }): ExpressMiddleware {
  const { idempotency } = readOptions('idempotencyKeys', idempotencyOptions, options)

  return (incoming, outgoing, next) => {
    const request = toRequest(incoming, incoming.originalUrl)
    if (!request) return next()
    const body = bodyOf(incoming)
    if (!body) {
      const advice = 'Mount idempotencyKeys() after a body parser, such as express.json().'
      return next(new UsageError(`The body of the request was not parsed. ${advice}`))
    }
    const captured = captureResponse(outgoing)
    idempotency
      .handle(
        request,
        (_, context) => {
          Object.assign(((outgoing as { locals?: object }).locals ??= {}), {
            idempotency: context satisfies IdempotencyContext,
          })
          next()
          return captured.response
        },
        { body },
      )
      .then((response) => captured.send(response))
      .catch((error: unknown) => captured.fail(error, next))
  }
}

const cacheOptions = {
  cache: objectOption(['handle'], 'a cache: createHttpCache(…)', required),
}
const idempotencyOptions = {
  idempotency: objectOption(['handle'], 'createIdempotency(…)', required),
}

/** Whether a page could be stored as that of another path. A change purges it in any case. */
function isAmbiguous(request: Request, { originalUrl, url }: ExpressRequest): boolean {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  return isRead && !isAsSent(request, originalUrl ?? url ?? '/')
}

/** An application may be mounted in another one. */
function rootOf(app: unknown): NodeApp {
  let root = app as { parent?: unknown }
  while (root.parent) root = root.parent as { parent?: unknown }
  return root as unknown as NodeApp
}

function bodyOf(request: ExpressRequest): Uint8Array | undefined {
  const { body, rawBody, headers } = request
  const given = rawBody ?? (isUnparsed(request) ? undefined : body)
  if (given instanceof Uint8Array) return given
  if (typeof given === 'string') return Buffer.from(given)
  if (given !== undefined) return Buffer.from(JSON.stringify(given))
  const isEmpty =
    headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
  return isEmpty ? new Uint8Array() : undefined
}

/** Parsers of Express 4 leave `{}` behind for a body of another type than theirs. */
function isUnparsed({ body, readableDidRead, readableEnded }: ExpressRequest): boolean {
  const isEmpty = typeof body === 'object' && body !== null && Object.keys(body).length === 0
  // An empty body is read to its end, although it has no data.
  return isEmpty && !readableDidRead && !readableEnded && !(body instanceof Uint8Array)
}
