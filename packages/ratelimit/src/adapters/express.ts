import type { IncomingMessage, ServerResponse } from 'node:http'
import { addressKey } from '../http/address.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { releaseAfter } from '../http/release-after.js'
import { respond } from '../http/respond.js'
import type { Decision } from '../decision.js'

export interface ExpressRequest extends IncomingMessage {
  readonly ip?: string | undefined
}

export interface ExpressOptions<Request extends ExpressRequest> extends GuardOptions<Request> {
  /**
   * Who is limited. Default: the address, `request.ip`, IPv6 folded to a /56: set Express' `trust
   * proxy` to what stands before it. A key of your own must not be the client's choice: see
   * `KeyOf`.
   */
  readonly key?: KeyOf<Request>
}

/**
 * Middleware for Express 4 and 5 (and Connect). Denied requests get 429 with
 * `application/problem+json`; the others carry the headers, and `response.locals.rateLimit`, the
 * decision. A slot (`concurrency`) is released when the response has been sent, or the client has
 * left.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * app.use(rateLimit({ limiter }))                                             // by address, before anybody is known
 * app.use(authenticate, rateLimit({ limiter, key: (request) => request.user.id }))   // by who was authenticated
 */
export function rateLimit<Request extends ExpressRequest = ExpressRequest>(
  options: ExpressOptions<Request>,
): (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void {
  const guard = createGuard<Request>('rateLimit', options, (request) =>
    addressKey(request.ip ?? request.socket.remoteAddress),
  )
  const { limits } = options.limiter

  return (request, response, next) => {
    guard
      .decide(request)
      .then((decision) => {
        if (!decision) return next()
        releaseAfter(request, response, decision)
        const { headers, refused } = respond(decision, limits, guard.style)
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
