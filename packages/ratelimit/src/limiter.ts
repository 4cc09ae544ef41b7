import { InvalidOptionError, parseDuration, type Duration } from '@cache/core'
import { closeWith, createKeys } from '@cache/core/internal'
import type { Clock } from './clock.js'
import { Decider, decidesOn } from './decider.js'
import { LimiterDecision, type Decision, type Receipt } from './decision.js'
import { DenyCache } from './deny-cache.js'
import { KnownBlocks } from './known-blocks.js'
import { LimitStates } from './limit-states.js'
import type { Lists } from './lists.js'
import { resolveOptions, type RateLimiterOptions } from './options.js'
import { createOutageStrategy } from './outage.js'
import { TEN_YEARS } from './policies/checks.js'
import type { Limit } from './policies/limit.js'
import { PrefetchingDecider } from './prefetching-decider.js'
import type {
  CostOptions,
  Id,
  LimitsOptions,
  RateLimiter,
  Reservation,
  ReserveOptions,
} from './rate-limiter.js'
import { listDecision } from './list-decision.js'
import { Receipts } from './receipts.js'
import { RequestLimitsResolver, type RequestLimits } from './request-limits.js'
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
  readonly #keyOf: (id: Id) => string
  readonly #lists: Lists | undefined
  readonly #requestLimits: RequestLimitsResolver
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
    this.#keyOf = resolved.keyOf
    this.#lists = resolved.lists
    this.#requestLimits = new RequestLimitsResolver(limits)
    const { own } = this.#requestLimits
    this.#states = new LimitStates(client, own)
    this.#denyCache = resolved.denyCache && new DenyCache(resolved.denyCache, clock)
    this.#receipts = new Receipts({
      makeKey: createKeys(client.namespace, prefix),
      limits,
      maxCharge: own.maxCost,
      hasPrefetch: prefetch !== undefined,
      secrets: resolved.receiptSecrets,
    })
    this.#decider = new Decider({
      prefix,
      states: this.#states,
      outage: createOutageStrategy(resolved.onOutage, clock),
      denyCache: this.#denyCache,
      knownBlocks: new KnownBlocks(clock),
      receipts: this.#receipts,
      deadline,
      shadow,
    })
    closeWith(client, this.#decider)
    this.#prefetching =
      prefetch &&
      new PrefetchingDecider({
        prefix,
        decider: this.#decider,
        receipts: this.#receipts,
        prefetch,
        deadline,
        clock,
      })
  }

  async consume(id: Id, options: CostOptions = {}): Promise<Decision> {
    const { key, cost, limits } = this.#request(id, options)
    const listed = this.#lists && (await this.#findListed(this.#lists, id, key, cost, limits))
    if (listed) return emitDecision(this.prefix, key, listed)
    if (!decidesOn(limits, cost))
      return emitDecision(this.prefix, key, await this.#decider.peek(key, cost, limits))
    const denied = this.#cachedDenial(key, cost, limits)
    if (denied) return denied
    if (this.#prefetching) return this.#prefetching.decide(key, cost, limits)
    return (await this.#decider.decide(key, { limits, minCost: cost, maxCost: cost })).decision
  }

  async peek(id: Id, options: CostOptions = {}): Promise<Decision> {
    const { key, cost, limits } = this.#request(id, options)
    const listed = this.#lists && (await this.#findListed(this.#lists, id, key, cost, limits))
    return listed ?? this.#decider.peek(key, cost, limits)
  }

  async consumeUpTo(id: Id, most: number, options: LimitsOptions = {}): Promise<Decision> {
    const key = this.#keyOf(id)
    checkCost('most', most)
    const limits = this.#requestLimits.resolve(options.limits)
    const listed = this.#lists && (await this.#findListed(this.#lists, id, key, most, limits))
    if (listed) return emitDecision(this.prefix, key, listed)
    if (most === 0) return emitDecision(this.prefix, key, await this.#decider.peek(key, 0, limits))
    const denied = this.#cachedDenial(key, 1, limits)
    if (denied) return denied
    const request = { limits, minCost: 1, maxCost: Math.min(most, limits.maxCost) }
    return (await this.#decider.decide(key, request)).decision
  }

  async reserve(id: Id, options: ReserveOptions = {}): Promise<Reservation> {
    const { key, cost, limits } = this.#request(id, options)
    if (this.#states.hasSlots)
      throw new InvalidOptionError(
        'limits',
        'without concurrency limits for reserve(), because a slot can be released at any time',
        this.limits,
      )
    const maxWaitMicros = parseDuration(options.maxWait ?? 60_000, 'maxWait') * 1_000
    const listed = this.#lists && (await this.#findListed(this.#lists, id, key, cost, limits))
    if (listed || !decidesOn(limits, cost)) {
      const decision = emitDecision(
        this.prefix,
        key,
        listed ?? (await this.#decider.peek(key, cost, limits)),
      )
      return Object.assign(decision, { wait: decision.retryAfter })
    }
    const request = { limits, minCost: cost, maxCost: cost, maxWait: maxWaitMicros }
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

  async block(id: Id, duration: Duration): Promise<void> {
    const key = this.#keyOf(id)
    const ms = parseDuration(duration, 'for')
    if (ms > TEN_YEARS) throw new InvalidOptionError('for', 'ten years at most', duration)
    await this.#setBlock(key, ms)
  }

  async unblock(id: Id): Promise<void> {
    await this.#setBlock(this.#keyOf(id), 0)
  }

  async #setBlock(key: string, ms: number): Promise<void> {
    await this.#decider.block(key, ms)
    this.#prefetching?.delete(key)
  }

  /** @throws {InvalidKeyError | InvalidOptionError} for an invalid id or option. */
  #request(
    id: Id,
    { cost = 1, limits }: CostOptions,
  ): { readonly key: string; readonly cost: number; readonly limits: RequestLimits } {
    const key = this.#keyOf(id)
    checkCost('cost', cost)
    return { key, cost, limits: this.#requestLimits.resolve(limits) }
  }

  async #findListed(
    lists: Lists,
    id: Id,
    key: string,
    cost: number,
    { limits }: RequestLimits,
  ): Promise<LimiterDecision | undefined> {
    const listing = await lists.find(id, key)
    return listing && listDecision(listing, { limits, cost, shadow: this.#shadow })
  }

  #cachedDenial(key: string, cost: number, request: RequestLimits): Decision | undefined {
    const denial = this.#denyCache?.get(key, cost, request)
    if (!denial) return undefined
    const { limits } = request
    return emitDecision(
      this.prefix,
      key,
      new LimiterDecision({ limits, ...denial, source: 'cache', shadow: this.#shadow }),
    )
  }
}

function checkCost(option: string, cost: number): void {
  if (!Number.isInteger(cost) || cost < 0)
    throw new InvalidOptionError(option, 'a whole number of at least 0', cost)
}
