import type { ServerResponse } from 'node:http'
import type { Context, Env, MiddlewareHandler } from 'hono'
import type { Decision } from '../decision.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { releaseAfter } from '../http/release-after.js'
import { respond } from '../http/respond.js'

export interface HonoOptions<E extends Env> extends GuardOptions<Context<E>> {
  /**
   * Who is limited. There is no default: where the address is to be found depends on the server.
   * The key must not be the client's choice: see `KeyOf`.
   */
  readonly key: KeyOf<Context<E>>
}

/** The variables of a context behind `rateLimit`. */
export interface RateLimitVariables {
  readonly rateLimit: Decision
}

/**
 * Middleware for Hono 4. Denied requests get 429 with `application/problem+json`; the others carry
 * the headers, and `c.get('rateLimit')`. A slot (`concurrency`) is released when the response has
 * been sent, or the client has left. On another server than `@hono/node-server`, or where its `env`
 * is not handed on, it is released when the handler is done: for a body that is streamed, before it
 * has been sent.
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
    if (refused)
      return new Response(refused.body, { status: refused.status, headers: refused.headers })
    ;(c as Context).set('rateLimit', decision)
    const outgoing = (c.env as { readonly outgoing?: ServerResponse } | undefined)?.outgoing
    if (outgoing) releaseAfter(outgoing.req, outgoing, decision)
    else c.req.raw.signal.addEventListener('abort', () => void decision.release(), { once: true })
    try {
      await next()
    } finally {
      if (!outgoing) await decision.release()
    }
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
  }
}
