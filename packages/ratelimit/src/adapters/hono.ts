import type { ServerResponse } from 'node:http'
import type { Context, Env, MiddlewareHandler } from 'hono'
import type { Decision } from '../decision.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { releaseAfterResponse } from '../http/release-after-response.js'
import { responseFor } from '../http/response.js'

export interface HonoOptions<E extends Env> extends GuardOptions<Context<E>> {
  /**
   * Returns the id that a request is limited by. There is no default, because it depends on the
   * server where the address is. The client must not be able to choose the id: see `KeyOf`.
   */
  readonly key: KeyOf<Context<E>>
}

/** The variables that `rateLimit` sets in the context. */
export interface RateLimitVariables {
  readonly rateLimit: Decision
}

/**
 * Creates a rate limit middleware for Hono 4.
 *
 * - A denied request gets 429 with `application/problem+json`.
 * - An allowed request gets the rate limit headers, and its decision is in `c.get('rateLimit')`.
 * - A slot (`concurrency`) is released when the response has been sent or the client has left.
 *
 * On a server other than `@hono/node-server`, or if its `env` is not passed on, a slot is released
 * when the handler is done or the request's `signal` aborts. A streamed body is then sent after
 * that.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example app.use(rateLimit({ limiter, key: (c) => addressKey(getConnInfo(c).remote.address) }))
 */
export function rateLimit<E extends Env = Env>(options: HonoOptions<E>): MiddlewareHandler<E> {
  const guard = createGuard<Context<E>>('rateLimit', options)
  const { limits } = options.limiter

  return async (c, next) => {
    const decision = await guard.decide(c)
    if (!decision) return next()
    const { headers, refused } = responseFor(decision, limits, guard.style)
    if (refused)
      return new Response(refused.body, { status: refused.status, headers: refused.headers })
    ;(c as Context).set('rateLimit', decision)
    const outgoing = (c.env as { readonly outgoing?: ServerResponse } | undefined)?.outgoing
    if (outgoing) releaseAfterResponse(outgoing.req, outgoing, decision)
    else c.req.raw.signal.addEventListener('abort', () => void decision.release(), { once: true })
    try {
      await next()
    } finally {
      if (!outgoing) await decision.release()
    }
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
  }
}
