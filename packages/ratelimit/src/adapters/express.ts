import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Decision } from '../decision.js'
import { addressKey } from '../http/address.js'
import { afterResponse } from '../http/count-when.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { releaseAfterResponse } from '../http/release-after-response.js'

export interface ExpressRequest extends IncomingMessage {
  readonly ip?: string | undefined
}

export interface ExpressOptions<Request extends ExpressRequest> extends GuardOptions<
  Request,
  ServerResponse
> {
  /**
   * Returns the id that a request is limited by. Default: the address `request.ip`, with IPv6
   * folded to a /56. Behind a proxy, set the option `trust proxy` of Express. The client must not
   * be able to choose the id: see `KeyOf`.
   */
  readonly key?: KeyOf<Request>
}

/**
 * Creates a rate limit middleware for Express 4 and 5 (and Connect).
 *
 * - A denied request gets 429 with `application/problem+json`.
 * - An allowed request gets the rate limit headers, and its decision is in
 *   `response.locals.rateLimit`.
 * - With `countWhen`, requests that do not count are refunded after their responses.
 * - A slot (`concurrency`) is released when the response has been sent or the client has left.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * app.use(rateLimit({ limiter })) // by address, before authentication
 * app.use('/login', rateLimit({ limiter, countWhen: (response) => response.statusCode === 401 }))
 * app.use(authenticate, rateLimit({ limiter, key: (request) => request.user.id })) // by user
 */
export function rateLimit<Request extends ExpressRequest = ExpressRequest>(
  options: ExpressOptions<Request>,
): (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void {
  const guard = createGuard<Request, ServerResponse>('rateLimit', options, (request) =>
    addressKey(request.ip ?? request.socket.remoteAddress),
  )

  return (request, response, next) => {
    guard
      .decide(request)
      .then((guarded) => {
        if (!guarded) return next()
        const { decision, headers, refused, settle } = guarded
        releaseAfterResponse(request, response, decision)
        if (settle) afterResponse(response, () => settle(response))
        for (const [name, value] of Object.entries(refused?.headers ?? headers))
          response.setHeader(name, value)
        if (!refused) {
          Object.assign(((response as { locals?: object }).locals ??= {}), {
            rateLimit: decision satisfies Decision,
          })
          return next()
        }
        response.statusCode = refused.status
        response.end(refused.body)
      })
      .catch(next)
  }
}
