import { checkOptions } from '@cache/core/internal'
import type { Decision } from '../decision.js'
import type { RateLimiter } from '../rate-limiter.js'
import { consumeForRequest } from './consume-for-request.js'
import type { HeaderStyle } from './headers.js'

/** The options that the adapters of all frameworks share. */
export interface GuardOptions<Request> {
  readonly limiter: RateLimiter
  /**
   * Returns the weight of a request. Default 1. Anything but a whole number of at least 0 counts as
   * 1 and is reported on `cache:error`.
   */
  readonly cost?: (request: Request) => number | Promise<number>
  /** Returns whether a request is not limited. Default: all requests are limited. */
  readonly skip?: (request: Request) => boolean | Promise<boolean>
  /**
   * The headers that responses get. With `false` they get none but Retry-After. Default 'draft-10'.
   */
  readonly headers?: HeaderStyle | false
}

/** Decides on the requests of a framework. */
export interface Guard<Request> {
  readonly style: HeaderStyle | false
  /** Resolves with `undefined` for a request that is skipped. */
  decide(request: Request): Promise<Decision | undefined>
}

/**
 * Returns the id that a request is limited by. An id is safe if the client cannot choose it: the
 * address that your server or your proxy saw, or an id that you have checked (of a session, a
 * token, an API key that exists).
 *
 * A header as it arrived (`x-api-key`, `x-forwarded-for`) is not safe. With a new value for each
 * request, a client is never limited. With the value of a victim, the victim is limited.
 *
 * Hash an id that is itself a secret, because ids are published on the diagnostics channels and are
 * part of Redis keys.
 *
 * @example
 * // Authentication has set `user` before.
 * (request) => request.user?.id ?? addressKey(request.ip)
 */
export type KeyOf<Request> = (request: Request) => string | Promise<string>

export function createGuard<Request>(
  owner: string,
  options: GuardOptions<Request> & { readonly key?: KeyOf<Request> },
  defaultKey?: KeyOf<Request>,
): Guard<Request> {
  const check = checkOptions(owner, options, optionNames)
  const limiter = check.shaped<RateLimiter>(
    'limiter',
    ['consume'],
    'a limiter made by createRateLimiter(…)',
  )
  const key =
    check.has('key') || !defaultKey ? check.function<KeyOf<Request>>('key', 'required') : defaultKey
  const cost = check.function<NonNullable<GuardOptions<Request>['cost']>>('cost')
  const skip = check.function<NonNullable<GuardOptions<Request>['skip']>>('skip')
  const style = check.oneOf('headers', ['draft-10', 'draft-7', 'legacy', false], 'draft-10')
  return {
    style,
    async decide(request) {
      if (skip && (await skip(request))) return undefined
      return consumeForRequest(limiter, await key(request), cost && (await cost(request)))
    },
  }
}

const optionNames = ['limiter', 'key', 'cost', 'skip', 'headers'] as const
