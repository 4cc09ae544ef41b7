import { InvalidOptionError } from '@cache/core'
import { checkOptions } from '@cache/core/internal'
import type { Receipt } from '../decision.js'
import { ExpiringMap } from '../expiring-map.js'
import { consumeForRequest, withKnownId } from '../http/consume.js'
import type { RateLimiter } from '../ratelimit.js'

/** What a store answers express-rate-limit with. */
export interface Hits {
  readonly totalHits: number
  readonly resetTime: Date | undefined
}

/** What express-rate-limit 7 and 8 ask of a store. */
export interface RateLimitStore {
  readonly localKeys: false
  readonly prefix: string
  init(options: {
    readonly limit: unknown
    readonly windowMs: number
    readonly skipFailedRequests?: boolean
    readonly statusCode?: number
  }): void
  get(key: string): Promise<Hits>
  increment(key: string): Promise<Hits>
  decrement(key: string): Promise<void>
  resetKey(key: string): Promise<void>
}

/**
 * A store for express-rate-limit 7 and 8 over any limiter: the limiter decides, by its own policies
 * and windows, and the library speaks HTTP. Set the library's `limit` to the limiter's (the
 * smallest, if there are several) and `windowMs` to its window, which it only announces. Requests
 * that are denied are not counted. `decrement`, for `skipSuccessfulRequests` and
 * `skipFailedRequests`, refunds one of the latest 100 requests of its key that were allowed within
 * the longest window, and nothing for a request that was denied.
 *
 * Source: https://express-rate-limit.mintlify.app/guides/creating-a-store
 *
 * @throws {InvalidOptionError} for no limiter; from `rateLimit(…)`, for a `limit` that is no
 * number, or another than the limiter's.
 * @example
 * const limiter = createRateLimiter({ client, prefix: 'api', limits: [slidingWindow({ name: 'api', limit: 100, window: '15m' })] })
 * app.use(rateLimit({ windowMs: 15 * 60_000, limit: 100, store: rateLimitStore({ limiter }) }))
 */
export function rateLimitStore(options: { readonly limiter: RateLimiter }): RateLimitStore {
  const check = checkOptions('rateLimitStore', options, ['limiter'])
  const limiter = check.shaped<RateLimiter>(
    'limiter',
    ['consume', 'refund'],
    'a limiter made by createRateLimiter(…)',
  )
  if (limiter.limits.some(({ policy }) => policy === 'concurrency'))
    check.fail(
      'limiter',
      'without concurrency limits: express-rate-limit does not say when a request has ended',
    )
  const limit = Math.min(...limiter.limits.map((one) => one.limit))
  /**
   * Of each key: the receipts that may be refunded yet, and how many requests were denied whose
   * `decrement` is to come. It is forgotten once the limits are over that the requests counted for.
   */
  const open = new ExpiringMap<Open>({
    ttl: Math.max(...limiter.limits.map(({ window }) => window)),
    maxBytes: MOST_BYTES,
    bytesOf: (key, { receipts }) =>
      (receipts.length + 1) * (key.length + limiter.prefix.length + RECEIPT),
  })
  let decrementsDenied = false

  return {
    localKeys: false,
    prefix: limiter.prefix,

    init({ limit: announced, skipFailedRequests, statusCode = 429 }) {
      if (announced !== limit)
        throw new InvalidOptionError(
          'limit',
          `${limit}, as the limiter's smallest limit is`,
          announced,
        )
      decrementsDenied = skipFailedRequests === true || statusCode < 400
    },

    get: async (key) =>
      withKnownId(key, async (id) => {
        const { remaining, limits } = await limiter.peek(id)
        return { totalHits: Math.max(0, limit - remaining), resetTime: resetTime(limits) }
      }),

    async increment(key) {
      const decision = await consumeForRequest(limiter, key)
      const { receipts, denied } = open.get(key) ?? { receipts: [], denied: 0 }
      if (decision.allowed)
        open.set(key, { receipts: [...receipts, decision.receipt].slice(-MOST_OF_KEY), denied })
      else if (decrementsDenied) open.set(key, { receipts, denied: denied + 1 })
      if (!decision.allowed)
        return {
          totalHits: limit + 1,
          resetTime: new Date(new Date().getTime() + decision.retryAfter),
        }
      return {
        totalHits: Math.min(limit, Math.max(1, limit - decision.remaining)),
        resetTime: resetTime(decision.limits),
      }
    },

    // It does not say which of a key's requests it is for. Those that were denied have nothing to
    // be refunded, and of the others one is as
    // good as another.
    async decrement(key) {
      const known = open.get(key)
      if (!known) return
      const { receipts, denied } = known
      open.set(
        key,
        denied > 0 ? { receipts, denied: denied - 1 } : { receipts: receipts.slice(0, -1), denied },
      )
      const receipt = denied > 0 ? undefined : receipts.at(-1)
      if (receipt) await limiter.refund(receipt)
    },

    resetKey: (key) => withKnownId(key, (id) => limiter.reset(id)),
  }
}

interface Open {
  readonly receipts: readonly (Receipt | undefined)[]
  readonly denied: number
}

/** What is kept of all keys, and what a receipt takes beside its key. */
const MOST_BYTES = 32 * 1024 * 1024
const RECEIPT = 300
/** Receipts that are kept of one key: of requests under way. */
const MOST_OF_KEY = 100

/** The library wants a time of day, and subtracts the same clock's again. */
function resetTime(limits: readonly { readonly resetAfter: number }[]): Date {
  return new Date(new Date().getTime() + Math.max(...limits.map(({ resetAfter }) => resetAfter)))
}
