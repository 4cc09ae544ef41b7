import type { Context, Env, MiddlewareHandler } from 'hono'
import type { Decision } from '../decision.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { respond } from '../http/respond.js'

export interface HonoOptions<E extends Env> extends GuardOptions<Context<E>> {
  /** Who is limited. There is no default: where the address is to be found depends on the server. */
  readonly key: KeyOf<Context<E>>
}

/** The variables of a context behind `rateLimit`. */
export interface RateLimitVariables {
  readonly rateLimit: Decision
}

/**
 * Middleware for Hono 4. Denied requests get 429 with `application/problem+json`; the others carry the headers, and `c.get('rateLimit')`.
 * A slot (`concurrency`) is released when the handler is done, for a body that is streamed before it has been sent.
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
    const { headers, refused } = respond(decision, limits, guard.style)
    if (refused) return new Response(refused.body, { status: refused.status, headers: refused.headers })
    ;(c as Context).set('rateLimit', decision)
    try {
      await next()
    } finally {
      await decision.release()
    }
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
  }
}
