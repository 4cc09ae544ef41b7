import { InvalidOptionError, parseDuration, type KeyPart } from '@cache/core'
import { createKeys } from '@cache/core/internal'
import type { Clock } from './clock.js'
import { Decider } from './decider.js'
import { LimiterDecision, type Decision, type Receipt } from './decision.js'
import { DenyCache } from './deny-cache.js'
import { LimitStates } from './limit-states.js'
import { resolveOptions, type RateLimiterOptions } from './options.js'
import { createOutageStrategy } from './outage.js'
import type { Limit } from './policies.js'
import { PrefetchingDecider } from './prefetching-decider.js'
import type { CostOptions, Id, RateLimiter, Reservation, ReserveOptions } from './rate-limiter.js'
import { Receipts } from './receipts.js'
import { emitDecision } from './telemetry.js'

/**
 * Creates a rate limiter: it counts the requests of each id in Redis and denies those that exceed
 * one of its limits.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const limiter = createRateLimiter({
 *   client,
 *   prefix: 'api',
 *   limits: [slidingWindow({ name: 'burst', limit: 10, window: '1s' })],
 * })
 * const { allowed, retryAfter } = await limiter.consume('user:42')
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  return new Limiter(options, performance)
}

/** The implementation of `RateLimiter`. Exported so that tests can inject a clock. */
export class Limiter implements RateLimiter {
  readonly prefix: string
  readonly limits: readonly Limit[]
  readonly #makeKey: (...parts: readonly KeyPart[]) => string
  readonly #states: LimitStates
  readonly #denyCache: DenyCache | undefined
  readonly #receipts: Receipts
  readonly #shadow: boolean
  readonly #decider: Decider
  readonly #prefetching: PrefetchingDecider | undefined

  constructor(options: RateLimiterOptions, clock: Clock) {
    const resolved = resolveOptions(options)
    const { client, prefix, limits, deadline, prefetch, shadow } = resolved
    this.prefix = prefix
    this.limits = limits
    this.#shadow = shadow
    this.#makeKey = createKeys(client.namespace, prefix)
    this.#states = new LimitStates(client, limits)
    this.#denyCache = resolved.denyCache && new DenyCache(limits, resolved.denyCache, clock)
    this.#receipts = new Receipts({
      makeKey: this.#makeKey,
      limits,
      maxCharge: this.#states.maxCost,
      hasPrefetch: prefetch !== undefined,
      secrets: resolved.receiptSecrets,
    })
    this.#decider = new Decider({
      states: this.#states,
      outage: createOutageStrategy(resolved.onOutage, limits, clock),
      denyCache: this.#denyCache,
      receipts: this.#receipts,
      deadline,
      shadow,
    })
    this.#prefetching =
      prefetch &&
      new PrefetchingDecider({
        decider: this.#decider,
        limits,
        receipts: this.#receipts,
        prefetch,
        deadline,
        clock,
      })
  }

  async consume(id: Id, { cost = 1 }: CostOptions = {}): Promise<Decision> {
    const key = this.#keyOf(id)
    checkCost('cost', cost)
    if (!this.#decider.decidesOn(cost))
      return emitDecision(key, await this.#decider.peek(key, cost))
    const denied = this.#cachedDenial(key, cost)
    if (denied) return denied
    if (this.#prefetching) return this.#prefetching.decide(key, cost)
    return (await this.#decider.decide(key, { minCost: cost, maxCost: cost })).decision
  }

  async peek(id: Id, { cost = 1 }: CostOptions = {}): Promise<Decision> {
    const key = this.#keyOf(id)
    checkCost('cost', cost)
    return this.#decider.peek(key, cost)
  }

  async consumeUpTo(id: Id, most: number): Promise<Decision> {
    const key = this.#keyOf(id)
    checkCost('most', most)
    if (most === 0) return emitDecision(key, await this.#decider.peek(key, 0))
    const denied = this.#cachedDenial(key, 1)
    if (denied) return denied
    const request = { minCost: 1, maxCost: Math.min(most, this.#states.maxCost) }
    return (await this.#decider.decide(key, request)).decision
  }

  async reserve(id: Id, { cost = 1, maxWait = 60_000 }: ReserveOptions = {}): Promise<Reservation> {
    const key = this.#keyOf(id)
    checkCost('cost', cost)
    if (this.#states.hasSlots)
      throw new InvalidOptionError(
        'limits',
        'without concurrency limits for reserve(), because a slot can be released at any time',
        this.limits,
      )
    const maxWaitMicros = parseDuration(maxWait, 'maxWait') * 1_000
    if (!this.#decider.decidesOn(cost)) {
      const decision = emitDecision(key, await this.#decider.peek(key, cost))
      return Object.assign(decision, { wait: decision.retryAfter })
    }
    const request = { minCost: cost, maxCost: cost, maxWait: maxWaitMicros }
    const { decision, verdict } = await this.#decider.decide(key, request)
    return Object.assign(decision, {
      wait: decision.allowed ? Math.ceil(verdict.wait / 1_000) : decision.retryAfter,
    })
  }

  async refund(decision: Decision | Receipt): Promise<boolean> {
    const isDecision = typeof decision === 'object' && decision !== null && 'receipt' in decision
    if (isDecision && decision.receipt === undefined) return false
    const receipt = this.#receipts.verify(isDecision ? decision.receipt : decision)
    if (!this.#prefetching?.isReceipt(receipt)) return this.#decider.refund(receipt)
    const refunded = this.#prefetching.refund(receipt)
    if (refunded) this.#denyCache?.invalidate(receipt.key)
    return refunded
  }

  async reset(id: Id): Promise<void> {
    const key = this.#keyOf(id)
    this.#prefetching?.delete(key)
    await this.#decider.reset(key)
  }

  #cachedDenial(key: string, cost: number): Decision | undefined {
    const denial = this.#denyCache?.get(key, cost)
    if (!denial) return undefined
    const { limits } = this
    return emitDecision(
      key,
      new LimiterDecision({ limits, ...denial, source: 'cache', shadow: this.#shadow }),
    )
  }

  #keyOf(id: Id): string {
    return Array.isArray(id)
      ? this.#makeKey(...(id as readonly KeyPart[]))
      : this.#makeKey(id as KeyPart)
  }
}

function checkCost(option: string, cost: number): void {
  if (!Number.isInteger(cost) || cost < 0)
    throw new InvalidOptionError(option, 'a whole number of at least 0', cost)
}
