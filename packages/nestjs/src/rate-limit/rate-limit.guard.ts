import type { IncomingMessage, ServerResponse } from 'node:http'
import { UsageError } from '@cache/core'
import { addressKey, createRateLimiter, type RateLimiter } from '@cache/ratelimit'
import {
  afterResponse,
  createGuard,
  releaseAfterResponse,
  type Guard,
} from '@cache/ratelimit/guard'
import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common'
import { HttpAdapterHost, ModuleRef, Reflector } from '@nestjs/core'
import { ClientScope, type Made } from '../decorators/client-scope.js'
import { sharedByCopies } from '../decorators/shared-by-copies.js'
import { findClient } from '../module/find-client.js'
import { checkRateLimit, RATE_LIMIT, type RateLimitOptions } from './rate-limit.decorator.js'
import { RateLimitException } from './rate-limit.exception.js'

/**
 * Limits HTTP requests as `@RateLimit` says, on Express and on Fastify. Routes without `@RateLimit`
 * are not limited; see `rateLimitGuard` for those.
 *
 * - A denied request gets 429 with `Retry-After`, the rate limit headers, and the members of a
 *   problem document (RFC 9457) as JSON.
 * - An allowed request gets the rate limit headers, and its decision is in `request.rateLimit`.
 * - A request is charged once, even if the guard is used globally and on a controller.
 * - While Redis does not answer, the option `onOutage` of the limiter decides.
 *
 * For GraphQL over HTTP, extend the class and override `requestAndResponse`.
 *
 * @example
 * providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }]
 */
@Injectable()
export class RateLimitGuard implements CanActivate {
  /** The options of routes without `@RateLimit`. */
  protected readonly defaults: RateLimitOptions | undefined

  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(ModuleRef) private readonly modules: ModuleRef,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
  ) {}

  /** @throws {RateLimitException} if the request is denied. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const options =
      this.reflector.getAllAndOverride<RateLimitOptions | false | undefined>(RATE_LIMIT, [
        context.getHandler(),
        context.getClass(),
      ]) ?? this.defaults
    if (!options) return true
    const { request, response } = this.requestAndResponse(context)
    return onceFor(raw(request), options, () => this.#admit(request, response, options))
  }

  async #admit(request: object, response: object, options: RateLimitOptions): Promise<true> {
    const guarded = await this.#guardOf(options).decide(request)
    if (!guarded) return true
    const { decision, headers, refused, settle } = guarded
    const rawResponse = raw<ServerResponse>(response)
    releaseAfterResponse(raw<IncomingMessage>(request), rawResponse, decision)
    if (settle) afterResponse(rawResponse, () => settle(response))
    ;(request as { rateLimit?: unknown }).rateLimit = decision
    const { httpAdapter } = this.adapterHost
    for (const [name, value] of Object.entries(refused?.headers ?? headers))
      // The exception filter chooses the type: that of NestJS sends JSON.
      if (name.toLowerCase() !== 'content-type') httpAdapter.setHeader(response, name, value)
    if (refused) throw new RateLimitException(decision, refused)
    return true
  }

  /**
   * Returns the request and the response of the platform. Override it for contexts other than HTTP.
   */
  protected requestAndResponse(context: ExecutionContext): {
    readonly request: object
    readonly response: object
  } {
    if (context.getType() !== 'http')
      throw new UsageError(
        `RateLimitGuard limits HTTP requests, and this is "${context.getType()}". ` +
          'Extend it and override requestAndResponse(), or exempt the handler: @RateLimit(false).',
      )
    const http = context.switchToHttp()
    return { request: http.getRequest<object>(), response: http.getResponse<object>() }
  }

  /** Returns the guard of these options, which is made by the first request. */
  #guardOf(options: RateLimitOptions): Guard<any, any> {
    const { limiter, client: name, ...guardOptions } = options
    const client = isLimiter(limiter) ? undefined : findClient(this.modules, name)
    const make = (): Guard<any, any> & Made =>
      createGuard<any, any>(
        '@RateLimit',
        {
          ...guardOptions,
          limiter: isLimiter(limiter)
            ? limiter
            : createRateLimiter({ ...limiter, client: client! }),
        },
        (request: HttpRequest) =>
          addressKey(request.ip ?? raw<IncomingMessage>(request).socket.remoteAddress),
      )
    if (client) return ClientScope.of(client).get(options, make)
    const existing = guards.get(options)
    if (existing) return existing
    const guard = make()
    guards.set(options, guard)
    return guard
  }
}

/**
 * Returns a guard like `RateLimitGuard` that limits routes without `@RateLimit` as well.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const ApiGuard = rateLimitGuard({
 *   limiter: { prefix: 'api', limits: [slidingWindow({ limit: 100, window: '1m' })] },
 * })
 * providers: [{ provide: APP_GUARD, useClass: ApiGuard }]
 */
export function rateLimitGuard<Request = any, Response = any>(
  options: RateLimitOptions<Request, Response>,
): Type<RateLimitGuard> {
  const defaults = checkRateLimit(options)
  @Injectable()
  class DefaultRateLimitGuard extends RateLimitGuard {
    protected override readonly defaults = defaults
  }
  return DefaultRateLimitGuard
}

interface HttpRequest {
  readonly ip?: string
}

/** The guards of limiters that the application has created. */
const guards = new WeakMap<RateLimitOptions, Guard<any, any>>()

/** What the limits have decided on a request. */
const decided = sharedByCopies(
  'rate limit decisions',
  () => new WeakMap<object, Map<RateLimitOptions, Promise<true>>>(),
)

/**
 * Lets limits decide on a request, and returns what they have decided if they have been asked
 * before: by another guard, or for another field of the same GraphQL request.
 */
function onceFor(
  request: object,
  options: RateLimitOptions,
  decide: () => Promise<true>,
): Promise<true> {
  const decisions = decided.get(request) ?? new Map<RateLimitOptions, Promise<true>>()
  decided.set(request, decisions)
  const existing = decisions.get(options)
  if (existing) return existing
  const decision = decide()
  decisions.set(options, decision)
  return decision
}

/** Returns the object of node:http under that of Fastify. */
function raw<T>(object: object): T {
  return ((object as { raw?: T }).raw ?? object) as T
}

function isLimiter(limiter: RateLimitOptions['limiter']): limiter is RateLimiter {
  return 'consume' in limiter
}
