import { channels } from '@cache/core'
import { emit } from '@cache/core/internal'
import { MAX_CLOCK_DRIFT, type Clock } from './clock.js'
import type { Decider } from './decider.js'
import { withinDeadline } from './decision-deadline.js'
import { LimiterDecision, type Decision, type Receipt } from './decision.js'
import type { PrefetchOptions } from './options.js'
import { PrefetchedTokens, type SpentTokens } from './prefetched-tokens.js'
import type { Receipts } from './receipts.js'
import type { RequestLimits } from './request-limits.js'
import { emitDecision } from './telemetry.js'

export interface PrefetchingDeciderOptions {
  /** The prefix of the limiter. */
  readonly prefix: string
  readonly decider: Decider
  readonly receipts: Receipts
  readonly prefetch: PrefetchOptions
  /** Milliseconds. */
  readonly deadline: number
  readonly clock: Clock
}

/** Decides from prefetched tokens, and fetches the next batch of tokens when they are used up. */
export class PrefetchingDecider {
  readonly #prefix: string
  readonly #decider: Decider
  readonly #receipts: Receipts
  readonly #prefetch: PrefetchOptions
  readonly #deadline: number
  readonly #clock: Clock
  readonly #tokens: PrefetchedTokens

  constructor(options: PrefetchingDeciderOptions) {
    this.#prefix = options.prefix
    this.#decider = options.decider
    this.#receipts = options.receipts
    this.#prefetch = options.prefetch
    this.#deadline = options.deadline
    this.#clock = options.clock
    this.#tokens = new PrefetchedTokens(options.clock)
  }

  async decide(key: string, cost: number, limits: RequestLimits): Promise<Decision> {
    const { tokens, ttl } = this.#prefetch
    const startedAt = performance.now()
    const timeLeft = (): number => Math.max(1, this.#deadline - (performance.now() - startedAt))
    /** The decision of this caller's own fetch, if that brought nothing to share. */
    let ownDecision: Decision | undefined
    const spent = await this.#tokens.take(key, cost, limits.fingerprint, {
      fetch: async () => {
        const sentAt = this.#clock.now()
        const { decision, verdict } = await this.#decider.decide(
          key,
          { limits, minCost: cost, maxCost: Math.max(tokens, cost), spendWithin: ttl * 1_000 },
          timeLeft(),
        )
        if (!decision.degraded && verdict.granted > cost)
          return {
            left: verdict.granted,
            spendBefore: sentAt + (verdict.spendWithin / 1_000) * (1 - MAX_CLOCK_DRIFT),
            fingerprint: limits.fingerprint,
            verdict,
            receivedAt: this.#clock.now(),
          }
        ownDecision = decision
        return decision.degraded ? 'outage' : 'none'
      },
      wait: (fetching) =>
        withinDeadline(fetching, timeLeft(), () => undefined).catch((error: unknown) => {
          emit(channels.error, () => ({ operation: 'ratelimit', key, error }))
          return 'outage' as const
        }),
    })
    if (typeof spent !== 'string') return this.#decisionOf(key, cost, limits, spent)
    if (ownDecision) return ownDecision
    if (spent === 'none') {
      const request = { limits, minCost: cost, maxCost: cost }
      return (await this.#decider.decide(key, request, timeLeft())).decision
    }
    // The caller that fetched has reported the error.
    return this.#decider.decideOffline({ key, limits, minCost: cost, maxCost: cost })
  }

  /** Returns whether this is a receipt for prefetched tokens. */
  isReceipt({ marks }: Receipt): boolean {
    return marks.length === 0
  }

  /** Puts tokens back into their batch. Returns whether that was possible. */
  refund({ key, token, charged }: Receipt): boolean {
    return this.#tokens.refund(key, token, charged)
  }

  delete(key: string): void {
    this.#tokens.delete(key)
  }

  #decisionOf(
    key: string,
    cost: number,
    { limits, rates }: RequestLimits,
    { batch: { verdict, left, receivedAt }, token }: SpentTokens,
  ): Decision {
    const limitVerdicts = verdict.limits.map((limit) => ({
      ...limit,
      available: limit.available + left,
    }))
    const decision = new LimiterDecision({
      limits,
      verdict: { ...verdict, granted: cost, limits: limitVerdicts },
      age: (this.#clock.now() - receivedAt) * 1_000,
      source: 'prefetch',
      receipt: this.#receipts.create({
        key,
        token,
        charged: cost,
        at: verdict.now,
        marks: [],
        ...(rates && { rates }),
      }),
    })
    return emitDecision(this.#prefix, key, decision)
  }
}
