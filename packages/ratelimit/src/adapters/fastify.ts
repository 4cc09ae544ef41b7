import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Decision } from '../decision.js'
import { addressKey } from '../http/address.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { releaseAfter } from '../http/release-after.js'
import { respond } from '../http/respond.js'

export interface FastifyOptions extends GuardOptions<FastifyRequest> {
  /**
   * Who is limited. Default: the address, `request.ip`, IPv6 folded to a /56: set Fastify's
   * `trustProxy` to what stands before it. A key of your own must not be the client's choice: see
   * `KeyOf`.
   */
  readonly key?: KeyOf<FastifyRequest>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What the rate limiter decided; `null` where it was not asked. */
    rateLimit: Decision | null
  }
}

/**
 * A plugin for Fastify 5, for all routes of the instance it is registered on and below. Denied
 * requests get 429 with `application/problem+json`; the others carry the headers, and
 * `request.rateLimit`. A slot (`concurrency`) is released when the response has been sent, or the
 * client has left.
 *
 * @throws {InvalidOptionError} naming the option, from `register`.
 * @example await app.register(rateLimit, { limiter })
 */
export async function rateLimit(app: FastifyInstance, options: FastifyOptions): Promise<void> {
  const guard = createGuard<FastifyRequest>('rateLimit', options, (request) =>
    addressKey(request.ip),
  )
  const { limits } = options.limiter

  if (!app.hasRequestDecorator('rateLimit')) app.decorateRequest('rateLimit', null)
  app.addHook('onRequest', async (request, reply) => {
    const decision = await guard.decide(request)
    if (!decision) return
    request.rateLimit = decision
    releaseAfter(request.raw, reply.raw, decision)
    const { headers, refused } = respond(decision, limits, guard.style)
    reply.headers(refused?.headers ?? headers)
    if (refused) await reply.code(refused.status).send(refused.body)
  })
}

// For the routes beside it, not only for those below:
// https://fastify.dev/docs/latest/Reference/Plugins/#handle-the-scope
Object.assign(rateLimit, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@cache/ratelimit',
})
