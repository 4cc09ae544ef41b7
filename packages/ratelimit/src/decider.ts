import { CacheError, channels } from '@cache/core'
import { PendingReleases, emit } from '@cache/core/internal'
import { withinDeadline } from './decision-deadline.js'
import { LimiterDecision, type Receipt } from './decision.js'
import type { DenyCache } from './deny-cache.js'
import { isClosed, mayHaveRun } from './errors.js'
import { HeldSlots } from './held-slots.js'
import type { Attempt, DecideRequest, LimitStates } from './limit-states.js'
import type { OutageDecision, OutageStrategy } from './outage.js'
import type { Receipts } from './receipts.js'
import { emitDecision } from './telemetry.js'
import type { LimitVerdict, Verdict } from './scripts.js'

export interface DeciderOptions {
  readonly states: LimitStates
  readonly outage: OutageStrategy
  readonly denyCache: DenyCache | undefined
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
  readonly #states: LimitStates
  readonly #outage: OutageStrategy
  readonly #denyCache: DenyCache | undefined
  readonly #receipts: Receipts
  readonly #deadline: number
  readonly #shadow: boolean
  readonly #pendingReleases = new PendingReleases()

  constructor({ states, outage, denyCache, receipts, deadline, shadow }: DeciderOptions) {
    this.#states = states
    this.#outage = outage
    this.#denyCache = denyCache
    this.#receipts = receipts
    this.#deadline = deadline
    this.#shadow = shadow
  }

  async decide(key: string, request: DecideRequest, deadline = this.#deadline): Promise<Decided> {
    const sent = this.#denyCache?.markSend()
    const requestedAt = performance.now()
    const attempt = this.#states.createAttempt(key, request)
    const cacheDenial = (verdict: Verdict): void => {
      if (sent) this.#denyCache?.add(key, request.minCost, verdict, sent)
    }
    const pending = this.#states.decide(attempt, {
      timeout: Math.max(this.#deadline, LISTEN_FOR),
    })
    let verdict: Verdict
    try {
      verdict = await withinDeadline(pending, deadline, (late) => {
        if (late.granted === 0) cacheDenial(late)
      })
    } catch (error) {
      return this.#decideWithoutRedis(attempt, request, error)
    }
    const granted = verdict.granted > 0
    if (granted) this.#denyCache?.onCharge(key)
    else cacheDenial(verdict)
    const decision = new LimiterDecision({
      limits: this.#states.limits,
      verdict,
      source: 'redis',
      shadow: this.#shadow,
      receipt: granted ? this.#createReceipt(attempt, verdict) : undefined,
      slots: granted && this.#states.hasSlots ? this.#hold(attempt, requestedAt) : undefined,
    })
    return { decision: emitDecision(key, decision), verdict }
  }

  /**
   * Returns what `decide` would decide. It also decides on costs that `decide` does not take: a
   * cost of 0 is allowed, and a cost above a limit is denied without end.
   */
  async peek(key: string, cost: number): Promise<LimiterDecision> {
    const isDecidable = this.decidesOn(cost)
    const { verdict, ...input } = await this.#peekStates(key, isDecidable ? cost : 1)
    const options = { ...input, shadow: this.#shadow, free: cost === 0 }
    if (isDecidable) return new LimiterDecision({ ...options, verdict })
    const readyAfter = (limit: LimitVerdict, i: number): number =>
      cost === 0 ? 0 : cost > this.#states.maxCostOf(i) ? Infinity : limit.readyAfter
    return new LimiterDecision({
      ...options,
      verdict: {
        ...verdict,
        granted: 0,
        limits: verdict.limits.map((limit, i) => ({ ...limit, readyAfter: readyAfter(limit, i) })),
      },
    })
  }

  /** Returns whether the cost depends on the state: it is above 0, and no limit is below it. */
  decidesOn(cost: number): boolean {
    return cost > 0 && cost <= this.#states.maxCost
  }

  /** Decides by the outage strategy alone. */
  decideOffline(key: string, cost: number): LimiterDecision {
    return emitDecision(
      key,
      new LimiterDecision({
        ...this.#outage.decide(key, cost, cost),
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

  async #peekStates(
    key: string,
    cost: number,
  ): Promise<OutageDecision & { readonly source: 'redis' | 'outage' }> {
    try {
      const verdict = await this.#states.peek(key, cost, this.#deadline)
      return { verdict, limits: this.#states.limits, source: 'redis' }
    } catch (error) {
      reportFailure('ratelimit peek', key, error)
      return { ...this.#outage.decide(key, cost, cost, true), source: 'outage' }
    }
  }

  #decideWithoutRedis(attempt: Attempt, request: DecideRequest, error: unknown): Decided {
    const { key } = attempt
    reportFailure('ratelimit', key, error)
    const offline = this.#outage.decide(key, request.minCost, request.maxCost)
    const decision = emitDecision(
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
    const ttl = Math.max(...this.#states.limits.map(({ window }) => window))
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

  #createReceipt({ key, token }: Attempt, { granted, now, limits }: Verdict): Receipt {
    return this.#receipts.create({
      key,
      token,
      charged: granted,
      at: now,
      marks: limits.map(({ mark }) => mark),
    })
  }

  #hold(attempt: Attempt, requestedAt: number): HeldSlots {
    return new HeldSlots({
      ...this.#states.slotsOf(attempt),
      requestedAt,
      pendingReleases: this.#pendingReleases,
    })
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
