import type { ServerResponse } from 'node:http'
import type { Context, Env, MiddlewareHandler } from 'hono'
import type { Decision } from '../decision.js'
import { afterResponse } from '../http/count-when.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { releaseAfterResponse } from '../http/release-after-response.js'

export interface HonoOptions<E extends Env> extends GuardOptions<Context<E>, Response> {
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
 * With `countWhen`, requests that do not count are refunded after their responses.
 *
 * On a server other than `@hono/node-server`, or if its `env` is not passed on, a slot is released
 * when the handler is done or the request's `signal` aborts, and `countWhen` is called when the
 * handler is done. A streamed body is then sent after that.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example app.use(rateLimit({ limiter, key: (c) => addressKey(getConnInfo(c).remote.address) }))
 */
export function rateLimit<E extends Env = Env>(options: HonoOptions<E>): MiddlewareHandler<E> {
  const guard = createGuard<Context<E>, Response>('rateLimit', options)

  return async (c, next) => {
    const guarded = await guard.decide(c)
    if (!guarded) return next()
    const { decision, headers, refused, settle } = guarded
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
    if (!settle) return
    if (outgoing) afterResponse(outgoing, () => settle(c.res))
    else if (!c.req.raw.signal.aborted) await settle(c.res)
  }
}
