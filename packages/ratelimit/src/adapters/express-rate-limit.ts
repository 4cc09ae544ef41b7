import { LRUCache } from 'lru-cache'
import { InvalidOptionError, checkOptions } from '@cache/core'
import type { Receipt } from '../decision.js'
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
  init(options: { readonly limit: unknown; readonly windowMs: number }): void
  get(key: string): Promise<Hits>
  increment(key: string): Promise<Hits>
  decrement(key: string): Promise<void>
  resetKey(key: string): Promise<void>
}

/**
 * A store for express-rate-limit 7 and 8 over any limiter: the limiter decides, by its own policies and windows, and the library speaks HTTP.
 * Set the library's `limit` to the limiter's (the smallest, if there are several) and `windowMs` to its window, which it only announces.
 * Requests that are denied are not counted. `decrement`, for `skipSuccessfulRequests` and `skipFailedRequests`, refunds.
 *
 * Source: https://express-rate-limit.mintlify.app/guides/creating-a-store
 *
 * @throws {InvalidOptionError} for no limiter; from `rateLimit(…)`, for a `limit` that is no number, or another than the limiter's.
 * @example
 * const limiter = createRateLimiter({ client, prefix: 'api', limits: [slidingWindow({ name: 'api', limit: 100, window: '15m' })] })
 * app.use(rateLimit({ windowMs: 15 * 60_000, limit: 100, store: rateLimitStore({ limiter }) }))
 */
export function rateLimitStore(options: { readonly limiter: RateLimiter }): RateLimitStore {
  const check = checkOptions('rateLimitStore', options, ['limiter'])
  const limiter = check.shaped<RateLimiter>('limiter', ['consume', 'refund'], 'a limiter made by createRateLimiter(…)')
  if (limiter.limits.some(({ policy }) => policy === 'concurrency')) check.fail('limiter', 'without concurrency limits: express-rate-limit does not say when a request has ended')
  const limit = Math.min(...limiter.limits.map((one) => one.limit))
  const receipts = new LRUCache<string, Receipt[]>({ max: 10_000 })

  return {
    localKeys: false,
    prefix: limiter.prefix,

    init({ limit: announced }) {
      if (announced !== limit) throw new InvalidOptionError('limit', `${limit}, as the limiter's smallest limit is`, announced)
    },

    async get(key) {
      const { remaining, limits } = await limiter.peek(key)
      return { totalHits: Math.max(0, limit - remaining), resetTime: resetTime(limits) }
    },

    async increment(key) {
      const decision = await limiter.consume(key)
      if (decision.receipt) keep(key, decision.receipt)
      if (!decision.allowed) return { totalHits: limit + 1, resetTime: new Date(new Date().getTime() + decision.retryAfter) }
      return { totalHits: Math.min(limit, Math.max(1, limit - decision.remaining)), resetTime: resetTime(decision.limits) }
    },

    async decrement(key) {
      const receipt = receipts.get(key)?.pop()
      if (receipt) await limiter.refund(receipt)
    },

    resetKey: (key) => limiter.reset(key),
  }

  /** Which of a key's requests is given back does not matter to who asks. */
  function keep(key: string, receipt: Receipt): void {
    const known = receipts.get(key)
    if (!known) receipts.set(key, [receipt])
    else if (known.push(receipt) > limit) known.shift()
  }
}

/** The library wants a time of day, and subtracts the same clock's again. */
function resetTime(limits: readonly { readonly resetAfter: number }[]): Date {
  return new Date(new Date().getTime() + Math.max(...limits.map(({ resetAfter }) => resetAfter)))
}
