import { CacheError, channels } from '@cache/core'
import { PendingReleases, emit } from '@cache/core/internal'
import { withinDeadline } from './decision-deadline.js'
import { LimiterDecision, type Receipt } from './decision.js'
import type { DenyCache, SendMark } from './deny-cache.js'
import { isClosed, mayHaveRun } from './errors.js'
import { HeldSlots } from './held-slots.js'
import type { KnownBlocks } from './known-blocks.js'
import type { Attempt, DecideRequest, LimitStates } from './limit-states.js'
import type { OutageDecision, OutageRequest, OutageStrategy } from './outage.js'
import type { Receipts } from './receipts.js'
import { maxCostOf, type RequestLimits } from './request-limits.js'
import { emitDecision } from './telemetry.js'
import type { LimitVerdict, Verdict } from './limit-scripts.js'

export interface DeciderOptions {
  /** The prefix of the limiter. */
  readonly prefix: string
  readonly states: LimitStates
  readonly outage: OutageStrategy
  readonly denyCache: DenyCache | undefined
  readonly knownBlocks: KnownBlocks
  readonly receipts: Receipts
  /** Milliseconds. */
  readonly deadline: number
  readonly shadow: boolean
}

export interface Decided {
  readonly decision: LimiterDecision
  readonly verdict: Verdict
}

/** Decides in Redis within a deadline, and by the outage strategy if Redis does not answer. */
export class Decider {
  readonly #prefix: string
  readonly #states: LimitStates
  readonly #outage: OutageStrategy
  readonly #denyCache: DenyCache | undefined
  readonly #knownBlocks: KnownBlocks
  readonly #receipts: Receipts
  readonly #deadline: number
  readonly #shadow: boolean
  readonly #pendingReleases = new PendingReleases()
  /** The slots that requests hold. */
  readonly #held = new Set<HeldSlots>()
  #closed = false

  constructor(options: DeciderOptions) {
    this.#prefix = options.prefix
    this.#states = options.states
    this.#outage = options.outage
    this.#denyCache = options.denyCache
    this.#knownBlocks = options.knownBlocks
    this.#receipts = options.receipts
    this.#deadline = options.deadline
    this.#shadow = options.shadow
  }

  async decide(key: string, request: DecideRequest, deadline = this.#deadline): Promise<Decided> {
    const sent = this.#denyCache?.markSend()
    const requestedAt = performance.now()
    const attempt = this.#states.createAttempt(key, request)
    const pending = this.#states.decide(attempt, {
      timeout: Math.max(this.#deadline, LISTEN_FOR),
    })
    let verdict: Verdict
    try {
      verdict = await withinDeadline(pending, deadline, (late) => {
        if (late.granted === 0) this.#cacheDenial(key, request, late, sent)
      })
    } catch (error) {
      return this.#decideWithoutRedis(attempt, request, error)
    }
    const granted = verdict.granted > 0
    if (granted) {
      this.#denyCache?.onCharge(key)
      this.#knownBlocks.set(key, 0)
    } else this.#cacheDenial(key, request, verdict, sent)
    const decision = new LimiterDecision({
      limits: request.limits.limits,
      verdict,
      source: 'redis',
      shadow: this.#shadow,
      receipt: granted ? this.#createReceipt(attempt, verdict) : undefined,
      slots: granted && this.#states.hasSlots ? this.#hold(attempt, requestedAt) : undefined,
    })
    return { decision: emitDecision(this.#prefix, key, decision), verdict }
  }

  #cacheDenial(
    key: string,
    { minCost, limits }: DecideRequest,
    verdict: Verdict,
    sent: SendMark | undefined,
  ): void {
    this.#knownBlocks.set(key, verdict.blockedFor)
    if (sent) this.#denyCache?.add(key, minCost, limits, verdict, sent)
  }

  /**
   * Returns what `decide` would decide. It also decides on costs that `decide` does not take: a
   * cost of 0 is allowed, and a cost above a limit is denied without end.
   */
  async peek(key: string, cost: number, limits: RequestLimits): Promise<LimiterDecision> {
    const isDecidable = decidesOn(limits, cost)
    const { verdict, ...input } = await this.#peekStates(key, isDecidable ? cost : 1, limits)
    const options = { ...input, shadow: this.#shadow, free: cost === 0 }
    if (isDecidable) return new LimiterDecision({ ...options, verdict })
    const readyAfter = (limit: LimitVerdict, i: number): number =>
      cost === 0 ? 0 : cost > maxCostOf(limits.limits[i]!) ? Infinity : limit.readyAfter
    return new LimiterDecision({
      ...options,
      verdict: {
        ...verdict,
        granted: 0,
        limits: verdict.limits.map((limit, i) => ({ ...limit, readyAfter: readyAfter(limit, i) })),
      },
    })
  }

  /** Decides by the outage strategy alone. */
  decideOffline(request: OutageRequest): LimiterDecision {
    return emitDecision(
      this.#prefix,
      request.key,
      new LimiterDecision({
        ...this.#decideLocally(request),
        source: 'outage',
        shadow: this.#shadow,
      }),
    )
  }

  refund(receipt: Receipt): Promise<boolean> {
    return this.#givingBack(receipt.key, () => this.#states.refund(receipt))
  }

  async reset(key: string): Promise<void> {
    if (this.#states.canReset) await this.#givingBack(key, () => this.#states.reset(key))
  }

  /** Blocks an id for so many milliseconds; 0 ends its block. */
  async block(key: string, ms: number): Promise<void> {
    await this.#givingBack(key, () => this.#states.block(key, ms))
    this.#knownBlocks.set(key, ms * 1_000)
  }

  async #peekStates(
    key: string,
    cost: number,
    limits: RequestLimits,
  ): Promise<OutageDecision & { readonly source: 'redis' | 'outage' }> {
    try {
      const verdict = await this.#states.peek(key, cost, limits, this.#deadline)
      this.#knownBlocks.set(key, verdict.blockedFor)
      return { verdict, limits: limits.limits, source: 'redis' }
    } catch (error) {
      reportFailure('ratelimit peek', key, error)
      const request = { key, limits, minCost: cost, maxCost: cost }
      return { ...this.#decideLocally(request, true), source: 'outage' }
    }
  }

  #decideWithoutRedis(attempt: Attempt, request: DecideRequest, error: unknown): Decided {
    const { key } = attempt
    reportFailure('ratelimit', key, error)
    const offline = this.#decideLocally({ key, ...request })
    const decision = emitDecision(
      this.#prefix,
      key,
      new LimiterDecision({ ...offline, source: 'outage', shadow: this.#shadow }),
    )
    if (mayHaveRun(error)) this.#undoLater(attempt, decision.allowed)
    return { decision, verdict: offline.verdict }
  }

  /**
   * Undoes an attempt that may have been charged, or may still be. If the request was allowed, its
   * charge is right. Otherwise the attempt is sent again, which charges nothing more, and what it
   * was charged is refunded. A slot is released in both cases, because nobody holds it.
   */
  #undoLater(attempt: Attempt, allowed: boolean): void {
    if (allowed && !this.#states.hasSlots) return
    const ttl = Math.max(...attempt.limits.limits.map(({ window }) => window))
    const undo = async (): Promise<void> => {
      await this.#states.releaseSlots(attempt, Math.min(ttl, MAX_REMEMBER_RELEASE_FOR))
      if (allowed) return
      const verdict = await this.#states.decide(attempt)
      if (verdict.granted > 0) await this.refund(this.#createReceipt(attempt, verdict))
    }
    this.#pendingReleases.add({
      key: attempt.key,
      ttl,
      release: () => undo().catch(ignoreClosed),
    })
  }

  /** Decides by the outage strategy. An id of which a block is known is denied. */
  #decideLocally(request: OutageRequest, peeking = false): OutageDecision {
    const blockedFor = this.#knownBlocks.get(request.key)
    if (blockedFor === 0) return this.#outage.decide(request, peeking)
    const { verdict, limits } = this.#outage.decide(request, true)
    return { limits, verdict: { ...verdict, granted: 0, blockedFor } }
  }

  #createReceipt(
    { key, token, limits: { rates } }: Attempt,
    { granted, now, limits }: Verdict,
  ): Receipt {
    return this.#receipts.create({
      key,
      token,
      charged: granted,
      at: now,
      marks: limits.map(({ mark }) => mark),
      ...(rates && { rates }),
    })
  }

  #hold(attempt: Attempt, requestedAt: number): HeldSlots {
    const slots = new HeldSlots({
      ...this.#states.slotsOf(attempt),
      requestedAt,
      pendingReleases: this.#pendingReleases,
      onEnd: (ended) => this.#held.delete(ended),
    })
    if (this.#closed) void slots.revoke()
    else if (!slots.ended) this.#held.add(slots)
    return slots
  }

  /** Releases the slots that are held. Their holders learn it first. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#held].map((slots) => slots.revoke()))
    await this.#pendingReleases.close()
  }

  /**
   * Invalidates the deny cache around a change that gives capacity back. Cached denials are wrong
   * from the moment of the change, and until it is acknowledged they can become wrong again.
   */
  async #givingBack<R>(key: string, change: () => Promise<R>): Promise<R> {
    this.#denyCache?.invalidate(key)
    try {
      return await change()
    } finally {
      this.#denyCache?.invalidate(key)
    }
  }
}

/**
 * Returns whether a decision depends on the state: the cost is above 0, and no limit is below
 * it.
 */
export function decidesOn({ maxCost }: RequestLimits, cost: number): boolean {
  return cost > 0 && cost <= maxCost
}

/** Reports a failure of Redis. Other errors are thrown. */
function reportFailure(operation: string, key: string, error: unknown): void {
  if (!(error instanceof CacheError)) throw error
  emit(channels.error, () => ({ operation, key, error }))
}

/** A closed client can give nothing back. Redis does when the ttl ends. */
function ignoreClosed(error: unknown): void {
  if (!isClosed(error)) throw error
}

/**
 * Milliseconds for which a decision is listened for at least, even if the deadline is shorter: a
 * late denial is cached.
 */
const LISTEN_FOR = 1_000
/** Milliseconds for which the release of an attempt without a reply is remembered at most. */
const MAX_REMEMBER_RELEASE_FOR = 600_000
