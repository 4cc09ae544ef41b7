import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Decision } from '../decision.js'
import { addressKey } from '../http/address.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { releaseAfterResponse } from '../http/release-after-response.js'
import { responseFor } from '../http/response.js'

export interface FastifyOptions extends GuardOptions<FastifyRequest> {
  /**
   * Returns the id that a request is limited by. Default: the address `request.ip`, with IPv6
   * folded to a /56. Behind a proxy, set the option `trustProxy` of Fastify. The client must not be
   * able to choose the id: see `KeyOf`.
   */
  readonly key?: KeyOf<FastifyRequest>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The decision of the rate limiter; `null` if the request was not limited. */
    rateLimit: Decision | null
  }
}

/**
 * A rate limit plugin for Fastify 5. It limits all routes of the instance that it is registered on,
 * and those below.
 *
 * - A denied request gets 429 with `application/problem+json`.
 * - An allowed request gets the rate limit headers, and its decision is in `request.rateLimit`.
 * - A slot (`concurrency`) is released when the response has been sent or the client has left.
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
    releaseAfterResponse(request.raw, reply.raw, decision)
    const { headers, refused } = responseFor(decision, limits, guard.style)
    reply.headers(refused?.headers ?? headers)
    if (refused) await reply.code(refused.status).send(refused.body)
  })
}

// Applies the plugin to its parent's routes too, not only to those below it:
// https://fastify.dev/docs/latest/Reference/Plugins/#handle-the-scope
Object.assign(rateLimit, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@cache/ratelimit',
})
