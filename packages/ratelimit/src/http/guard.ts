import { channels } from '@cache/core'
import {
  choiceOption,
  emit,
  functionOption,
  readOptions,
  requireFunction,
  type OptionTable,
} from '@cache/core/internal'
import type { Decision } from '../decision.js'
import { listDecision } from '../list-decision.js'
import type { Limit } from '../policies/limit.js'
import type { RateLimiter } from '../rate-limiter.js'
import { RequestLimitsResolver } from '../request-limits.js'
import { emitDecision } from '../telemetry.js'
import { UNKNOWN_ID } from './address.js'
import { consumeForRequest } from './consume-for-request.js'
import { settle } from './count-when.js'
import { customRefusal, type OnLimited } from './custom-refusal.js'
import type { HeaderStyle } from './headers.js'
import { limiterOption } from './limiter-option.js'
import { responseFor, type HttpRefusal } from './response.js'

/** The options that the adapters of all frameworks share. */
export interface GuardOptions<Request, Response> {
  /** The limiter that decides. */
  readonly limiter: RateLimiter
  /**
   * Returns the weight of a request. Default 1. Anything but a whole number of at least 0 counts as
   * 1 and is reported on `cache:error`.
   */
  readonly cost?: (request: Request) => number | Promise<number>
  /**
   * Returns the limits of a request, such as those of its customer's plan, or `undefined` for the
   * limiter's own. They need the same names, policies and windows: see `LimitsOptions`. If the
   * function throws, rejects or returns anything else, the limiter's own limits are used, and the
   * error is reported on `cache:error`. Default: the limiter's own.
   */
  readonly limits?: (
    request: Request,
  ) => readonly Limit[] | undefined | Promise<readonly Limit[] | undefined>
  /**
   * Returns whether a request counts, once its response is known. Every request is charged before
   * its handler runs, so that a burst cannot pass the limit. If the function returns `false`, the
   * charge is refunded after the response was sent. The charge stays if the client leaves before,
   * if the function throws or rejects (reported on `cache:error`), or if Redis does not answer.
   * Default: every request counts.
   */
  readonly countWhen?: (response: Response, request: Request) => boolean | Promise<boolean>
  /** Returns whether a request is not limited. */
  readonly skip?: (request: Request) => boolean | Promise<boolean>
  /**
   * Returns whether a request is refused with 403, without asking Redis. `skip` comes first. A
   * refusal holds in `shadow` mode too. A function that throws or rejects refuses nothing, and is
   * reported on `cache:error`. For lists of addresses, see `addressList`.
   */
  readonly deny?: (request: Request) => boolean | Promise<boolean>
  /**
   * Returns the response to a denied request: `{ status, headers, body }`. Each part has a default.
   * A body that is not a text is sent as JSON. If the function fails or returns something invalid,
   * the default response is sent. Default: a problem document.
   */
  readonly onLimited?: OnLimited<Request>
  /**
   * The headers that responses get. With `false` they get none but Retry-After. Default 'draft-10'.
   */
  readonly headers?: HeaderStyle | false
}

/** What becomes of one request. */
export interface Guarded<Response> {
  readonly decision: Decision
  /** The headers of the response to an allowed request. */
  readonly headers: Readonly<Record<string, string>>
  /** The response, if the request is denied. */
  readonly refused: HttpRefusal | undefined
  /**
   * Call this once the response has been sent, if `countWhen` asks for it. Undefined if there is
   * nothing to give back.
   */
  readonly settle: ((response: Response) => Promise<void>) | undefined
}

/** Decides on the requests of a framework. */
export interface Guard<Request, Response> {
  /** Resolves with `undefined` for a request that is skipped. */
  decide(request: Request): Promise<Guarded<Response> | undefined>
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

/**
 * Creates what the adapters are made of, for an adapter of another framework. For each request:
 *
 * 1. `decide` it. It is not limited if the answer is `undefined`.
 * 2. Call `releaseAfterResponse`, and `afterResponse` with `settle` if there is one.
 * 3. Send `refused`, or set the `headers` and go on.
 *
 * `owner` is the name of your function, for messages. Without `defaultKey`, the option `key` is
 * required.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const guard = createGuard('rateLimit', options, (request) => addressKey(request.ip))
 */
export function createGuard<Request, Response>(
  owner: string,
  options: GuardOptions<Request, Response> & { readonly key?: KeyOf<Request> },
  defaultKey?: KeyOf<Request>,
): Guard<Request, Response> {
  const {
    limiter,
    key: givenKey = defaultKey,
    cost,
    limits: limitsOf,
    countWhen,
    skip,
    deny,
    onLimited,
    headers: style,
  } = readOptions(owner, guardOptions, options)
  const key = requireFunction('key', givenKey) as KeyOf<Request>
  const resolver = new RequestLimitsResolver(limiter.limits)

  /** Returns valid limits, whatever the function does. */
  async function requestLimits(request: Request): Promise<readonly Limit[] | undefined> {
    if (!limitsOf) return undefined
    try {
      const limits = await limitsOf(request)
      resolver.resolve(limits)
      return limits
    } catch (error) {
      report('ratelimit limits', error)
      return undefined
    }
  }

  async function isDenied(request: Request): Promise<boolean> {
    try {
      return (await deny?.(request)) === true
    } catch (error) {
      report('ratelimit deny', error)
      return false
    }
  }

  return {
    async decide(request) {
      if (skip && (await skip(request))) return undefined
      const limits = await requestLimits(request)
      const shownLimits = limits ?? limiter.limits
      const decision =
        deny && (await isDenied(request))
          ? emitDecision(
              limiter.prefix,
              UNKNOWN_ID,
              listDecision('deny', { limits: shownLimits, cost: 1 }),
            )
          : await consumeForRequest(
              limiter,
              await key(request),
              cost && (await cost(request)),
              limits,
            )
      const { headers, refused } = responseFor(decision, shownLimits, style)
      return {
        decision,
        headers,
        refused: refused && (await customRefusal(onLimited, request, decision, refused)),
        settle:
          countWhen && decision.receipt
            ? (response) => settle(limiter, decision, () => countWhen(response, request))
            : undefined,
      }
    },
  }
}

function report(operation: string, error: unknown): void {
  emit(channels.error, () => ({ operation, key: UNKNOWN_ID, error }))
}

/** The rows of `GuardOptions`, and `key`, which has a default in some frameworks. */
const guardOptions = {
  limiter: limiterOption,
  key: functionOption(),
  cost: functionOption(),
  limits: functionOption(),
  countWhen: functionOption(),
  skip: functionOption(),
  deny: functionOption(),
  onLimited: functionOption(),
  headers: choiceOption(['draft-10', 'draft-7', 'legacy', false], 'draft-10'),
} satisfies OptionTable<GuardOptions<any, any> & { readonly key?: KeyOf<any> }>
