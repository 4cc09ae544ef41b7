export { createRateLimiter } from './limiter.js'
export type { RateLimiterOptions } from './options.js'
export type {
  CostOptions,
  Id,
  LimitsOptions,
  RateLimiter,
  Reservation,
  ReserveOptions,
} from './rate-limiter.js'
export type { IdList } from './lists.js'
export { concurrency, type ConcurrencyOptions } from './policies/concurrency.js'
export { gcra, tokenBucket, type GcraOptions, type TokenBucketOptions } from './policies/buckets.js'
export type { Limit } from './policies/limit.js'
export {
  fixedWindow,
  slidingCounter,
  slidingWindow,
  type WindowOptions,
} from './policies/windows.js'
export type { Decision, LimitState, Receipt } from './decision.js'
export type { ReceiptSecret } from './receipts.js'
export type { OnOutage } from './outage.js'
export { SlotLostError } from './errors.js'
export { rateLimitHeaders, type HeaderStyle, type HeadersOptions } from './http/headers.js'
export { refusal, type Refusal } from './http/refusal.js'
export { addressKey } from './http/address.js'
export { addressList, type AddressList } from './http/address-list.js'
export type { CustomRefusal, OnLimited } from './http/custom-refusal.js'
export type { KeyOf } from './http/guard.js'
