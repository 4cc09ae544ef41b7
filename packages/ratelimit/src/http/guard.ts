import { checkOptions } from '@cache/core/internal'
import type { Decision } from '../decision.js'
import type { RateLimiter } from '../ratelimit.js'
import { consumeForRequest } from './consume.js'
import type { HeaderStyle } from './headers.js'

/** What the adapters for the frameworks have in common. */
export interface GuardOptions<Request> {
  readonly limiter: RateLimiter
  /**
   * What a request weighs. Default 1, also for what is no whole number of at least 0: that is
   * reported on `cache:error`.
   */
  readonly cost?: (request: Request) => number | Promise<number>
  /** Requests that are not limited. Default: none. */
  readonly skip?: (request: Request) => boolean | Promise<boolean>
  /** Which headers responses get; `false`: none but Retry-After. Default 'draft-10'. */
  readonly headers?: HeaderStyle | false
}

export interface Guard<Request> {
  readonly style: HeaderStyle | false
  /** The decision on a request; `undefined` for one that is skipped. */
  decide(request: Request): Promise<Decision | undefined>
}

/**
 * Who is limited, of a request. Safe is what the client cannot choose: the address that your server
 * or your proxy saw, or an id that you have checked (of a session, a token, an API key that
 * exists). A header as it came (`x-api-key`, `x-forwarded-for`) is no such id: with a new one for
 * each request nobody is ever limited, and with a victim's the victim is. What is itself a secret
 * has to be hashed, as ids are told on the diagnostics channels and are part of Redis keys.
 *
 * @example
 * (request) => request.user?.id ?? addressKey(request.ip)   // `user` is set by the authentication before
 */
export type KeyOf<Request> = (request: Request) => string | Promise<string>

const names = ['limiter', 'key', 'cost', 'skip', 'headers'] as const

export function createGuard<Request>(
  owner: string,
  options: GuardOptions<Request> & { readonly key?: KeyOf<Request> },
  defaultKey?: KeyOf<Request>,
): Guard<Request> {
  const check = checkOptions(owner, options, names)
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
