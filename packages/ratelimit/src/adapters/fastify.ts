import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Decision } from '../decision.js'
import { addressKey } from '../http/address.js'
import { afterResponse } from '../http/count-when.js'
import { createGuard, type GuardOptions, type KeyOf } from '../http/guard.js'
import { releaseAfterResponse } from '../http/release-after-response.js'

export interface FastifyOptions extends GuardOptions<FastifyRequest, FastifyReply> {
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
 * - With `countWhen`, requests that do not count are refunded after their responses.
 * - A slot (`concurrency`) is released when the response has been sent or the client has left.
 *
 * @throws {InvalidOptionError} naming the option, from `register`.
 * @example await app.register(rateLimit, { limiter })
 */
export async function rateLimit(app: FastifyInstance, options: FastifyOptions): Promise<void> {
  const guard = createGuard<FastifyRequest, FastifyReply>('rateLimit', options, (request) =>
    addressKey(request.ip),
  )

  if (!app.hasRequestDecorator('rateLimit')) app.decorateRequest('rateLimit', null)
  app.addHook('onRequest', async (request, reply) => {
    const guarded = await guard.decide(request)
    if (!guarded) return
    const { decision, headers, refused, settle } = guarded
    request.rateLimit = decision
    releaseAfterResponse(request.raw, reply.raw, decision)
    if (settle) afterResponse(reply.raw, () => settle(reply))
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
