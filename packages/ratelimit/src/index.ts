export {
  createRateLimiter,
  type CostOptions,
  type Id,
  type RateLimiter,
  type RateLimiterOptions,
  type Reservation,
  type ReserveOptions,
} from './ratelimit.js'
export {
  concurrency,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type ConcurrencyOptions,
  type GcraOptions,
  type Limit,
  type TokenBucketOptions,
  type WindowOptions,
} from './policies.js'
export type { Decision, LimitState, Receipt } from './decision.js'
export type { ReceiptSecret } from './receipts.js'
export type { OnOutage } from './outage.js'
export { SlotLostError } from './slot.js'
export { rateLimitHeaders, type HeaderStyle, type HeadersOptions } from './http/headers.js'
export { refusal, type Refusal } from './http/problem.js'
export { addressKey } from './http/address.js'
export type { KeyOf } from './http/guard.js'
