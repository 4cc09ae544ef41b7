import { InvalidOptionError } from '@cache/core'
import {
  customOption,
  functionOption,
  givenOption,
  readOptions,
  textOption,
  type OptionTable,
} from '@cache/core/internal'
import type { RateLimiter, RateLimiterOptions } from '@cache/ratelimit'
import type { GuardOptions, KeyOf } from '@cache/ratelimit/guard'
import { SetMetadata, type CustomDecorator } from '@nestjs/common'
import { DEFAULT_CLIENT } from '../decorators/client.js'

/**
 * Options of `@RateLimit`: the limiter, and how it treats requests. `Request` and `Response` are
 * those of the platform: of Express or of Fastify.
 */
export interface RateLimitOptions<Request = any, Response = any> extends Omit<
  GuardOptions<Request, Response>,
  'limiter'
> {
  /** A limiter, or the options of one. */
  readonly limiter: RateLimiter | Omit<RateLimiterOptions, 'client'>
  /** The name of the client of the limiter that the options describe. Default 'default'. */
  readonly client?: string
  /**
   * Returns the id that a request is limited by. Default: the address `request.ip`, with IPv6
   * folded to a /56. Behind a proxy, set `trust proxy` (Express) or `trustProxy` (Fastify). The
   * client must not be able to choose the id.
   */
  readonly key?: KeyOf<Request>
}

/** The rows of `RateLimitOptions`. The guard checks the other options again, with its defaults. */
const rateLimitOptions = {
  limiter: customOption((value, path) => {
    if (typeof value !== 'object' || value === null)
      throw new InvalidOptionError(path, 'a limiter, or { prefix, limits, … }', value)
    return value as RateLimitOptions['limiter']
  }),
  client: textOption(DEFAULT_CLIENT),
  key: functionOption(),
  cost: functionOption(),
  limits: functionOption(),
  countWhen: functionOption(),
  skip: functionOption(),
  deny: functionOption(),
  onLimited: functionOption(),
  headers: givenOption(),
} satisfies OptionTable<RateLimitOptions>

/** Where a class or a method has its options. */
export const RATE_LIMIT = '@cache/nestjs rate limit'

/**
 * Limits the requests of a controller or of one of its methods, if `RateLimitGuard` guards it. The
 * options of a method replace those of its controller, and `false` turns them off.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const limits = [slidingWindow({ limit: 5, window: '1m' })]
 *
 * `@RateLimit({ limiter: { prefix: 'login', limits } })`
 * `@Post('login')`
 * login() {}
 */
export function RateLimit<Request = any, Response = any>(
  options: RateLimitOptions<Request, Response> | false,
): CustomDecorator<string> {
  return SetMetadata(RATE_LIMIT, options === false ? false : checkRateLimit(options))
}

/** Checks options. @throws {InvalidOptionError} */
export function checkRateLimit<Request, Response>(
  options: RateLimitOptions<Request, Response>,
): RateLimitOptions {
  readOptions('@RateLimit', rateLimitOptions, options)
  return options as RateLimitOptions
}
