import { InvalidOptionError } from '@cache/core'
import { readOptions } from '@cache/core/internal'
import type { Receipt } from '../decision.js'
import { ExpiringMap } from '../expiring-map.js'
import { consumeForRequest, withValidId } from '../http/consume-for-request.js'
import { limiterOption } from '../http/limiter-option.js'
import type { RateLimiter } from '../rate-limiter.js'

/** The answer of a store to express-rate-limit. */
export interface Hits {
  readonly totalHits: number
  readonly resetTime: Date | undefined
}

/** The interface that express-rate-limit 7 and 8 expect of a store. */
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
 * Creates a store for express-rate-limit 7 and 8 from any limiter. The limiter decides, by its own
 * policies and windows, and the library does the HTTP part.
 *
 * - Set the library's `limit` to the limiter's (the smallest, if there are several).
 * - Set `windowMs` to the limiter's window. The library only announces it.
 * - Denied requests are not counted.
 * - `decrement`, for `skipSuccessfulRequests` and `skipFailedRequests`, refunds one of the latest
 *   100 requests of its key that were allowed within the longest window. It refunds nothing for a
 *   denied request.
 *
 * Source: https://express-rate-limit.mintlify.app/guides/creating-a-store
 *
 * @throws {InvalidOptionError} for a missing limiter and for one with concurrency limits. The call
 * of `rateLimit(…)` throws it for a `limit` that is not a number or is not the limiter's.
 * @example
 * const limiter = createRateLimiter({
 *   client,
 *   prefix: 'api',
 *   limits: [slidingWindow({ name: 'api', limit: 100, window: '15m' })],
 * })
 * app.use(rateLimit({ windowMs: 15 * 60_000, limit: 100, store: rateLimitStore({ limiter }) }))
 */
export function rateLimitStore(options: { readonly limiter: RateLimiter }): RateLimitStore {
  const { limiter } = readOptions('rateLimitStore', { limiter: limiterOption }, options)
  if (limiter.limits.some(({ policy }) => policy === 'concurrency'))
    throw new InvalidOptionError(
      'limiter',
      'without concurrency limits: express-rate-limit does not say when a request has ended',
      limiter,
    )
  const smallestLimit = Math.min(...limiter.limits.map(({ limit }) => limit))
  /** An entry is dropped once the requests that it is about no longer count. */
  const openRequests = new ExpiringMap<OpenRequests>({
    ttl: Math.max(...limiter.limits.map(({ window }) => window)),
    maxBytes: MAX_BYTES,
    bytesOf: (key, { receipts }) =>
      (receipts.length + 1) * (key.length + limiter.prefix.length + BYTES_PER_RECEIPT),
  })
  let decrementsDenied = false

  return {
    localKeys: false,
    prefix: limiter.prefix,

    init({ limit, skipFailedRequests, statusCode = 429 }) {
      if (limit !== smallestLimit)
        throw new InvalidOptionError(
          'limit',
          `${smallestLimit}, the limiter's smallest limit`,
          limit,
        )
      decrementsDenied = skipFailedRequests === true || statusCode < 400
    },

    get: async (key) =>
      withValidId(key, async (id) => {
        const { remaining, limits } = await limiter.peek(id)
        return { totalHits: Math.max(0, smallestLimit - remaining), resetTime: resetTime(limits) }
      }),

    async increment(key) {
      const decision = await consumeForRequest(limiter, key)
      const { receipts, denied } = openRequests.get(key) ?? { receipts: [], denied: 0 }
      if (decision.allowed)
        openRequests.set(key, {
          receipts: [...receipts, decision.receipt].slice(-MAX_RECEIPTS_PER_KEY),
          denied,
        })
      else if (decrementsDenied) openRequests.set(key, { receipts, denied: denied + 1 })
      if (!decision.allowed)
        return {
          totalHits: smallestLimit + 1,
          resetTime: new Date(new Date().getTime() + decision.retryAfter),
        }
      return {
        totalHits: Math.min(smallestLimit, Math.max(1, smallestLimit - decision.remaining)),
        resetTime: resetTime(decision.limits),
      }
    },

    // The library does not say which request of the key a decrement is for. Denied requests come
    // first, and have nothing to refund. Of the others, any one is as good as another.
    async decrement(key) {
      const open = openRequests.get(key)
      if (!open) return
      const { receipts, denied } = open
      openRequests.set(
        key,
        denied > 0 ? { receipts, denied: denied - 1 } : { receipts: receipts.slice(0, -1), denied },
      )
      const receipt = denied > 0 ? undefined : receipts.at(-1)
      if (receipt) await limiter.refund(receipt)
    },

    resetKey: (key) => withValidId(key, (id) => limiter.reset(id)),
  }
}

/** The requests of a key that the library may still decrement. */
interface OpenRequests {
  readonly receipts: readonly (Receipt | undefined)[]
  /** The number of denied requests whose `decrement` is still to come. */
  readonly denied: number
}

/** The size of the receipts of all keys. */
const MAX_BYTES = 32 * 1024 * 1024
/** The size of a receipt without its key. */
const BYTES_PER_RECEIPT = 300
/** The number of receipts that are kept for one key. They are of requests under way. */
const MAX_RECEIPTS_PER_KEY = 100

/** The library wants a time of day, and subtracts the time of the same clock from it. */
function resetTime(limits: readonly { readonly resetAfter: number }[]): Date {
  return new Date(new Date().getTime() + Math.max(...limits.map(({ resetAfter }) => resetAfter)))
}
