import type { Limit } from './policies.js'
import type { Verdict } from './scripts.js'

/** What one limit said. */
export interface LimitState {
  readonly name: string
  /** The most that can be had at once. */
  readonly limit: number
  /** What can be had now. */
  readonly remaining: number
  /** Ms until all of it can be had, if nothing more is taken. */
  readonly resetAfter: number
  /**
   * Ms until this limit would admit the same request; 0 where it does. Exact: denied 1 ms before,
   * admitted at it, if nothing more is taken.
   */
  readonly retryAfter: number
}

/**
 * What a request was charged, so that it can be given back once, by any process. It survives JSON.
 * Without the option `receiptSecrets` it must not leave the server: a client who sees it could
 * change it, and be given more than it paid.
 */
export interface Receipt {
  readonly key: string
  readonly token: string
  readonly charged: number
  /** µs of the server's clock. */
  readonly at: number
  readonly marks: readonly number[]
  /** HMAC-SHA-256 of all of it, where the limiter has `receiptSecrets`. */
  readonly signature?: string
}

export interface Decision extends AsyncDisposable {
  readonly allowed: boolean
  /**
   * What was charged: the cost, or with `consumeUpTo` as much as there was; 0 for what was denied.
   */
  readonly granted: number
  /** In the order of the limiter's `limits`. */
  readonly limits: readonly LimitState[]
  /**
   * The names of the limits that were in the way. With `shadow: true` there may be some although it
   * was allowed.
   */
  readonly violated: readonly string[]
  /**
   * Ms until the same request would be admitted by all limits; 0 where it was. Of a concurrency
   * limit: until a slot ends by itself. Infinity
   * where it never will be.
   */
  readonly retryAfter: number
  /**
   * Whether the same request can ever be admitted: false where it costs more than a limit allows at
   * once.
   */
  readonly satisfiable: boolean
  /** The least that any of the limits has left. */
  readonly remaining: number
  /** Redis did not answer in time: `onOutage` has decided, and what the limits say is not known. */
  readonly degraded: boolean
  /** Who decided: Redis; the cache of denials; tokens leased before (`lease`); or `onOutage`. */
  readonly source: 'redis' | 'cache' | 'lease' | 'outage'
  /** For `refund`; where something was charged in Redis, or taken from a lease. */
  readonly receipt: Receipt | undefined
  /**
   * Of a slot: aborts when it is lost, before another may have it. Without concurrency limits it
   * never does.
   */
  readonly signal: AbortSignal
  /**
   * Gives the slot back, where there is one. Never rejects: a slot that can't be given back ends by
   * itself. `await using` calls it.
   */
  release(): Promise<void>
}

/** Something held until it is released. */
export interface Held {
  readonly signal: AbortSignal
  release(): Promise<void>
}

export interface Facts {
  readonly limits: readonly Limit[]
  readonly verdict: Verdict
  /** µs that have passed since the verdict. */
  readonly age?: number
  readonly source: Decision['source']
  readonly shadow?: boolean
  readonly receipt?: Receipt | undefined
  readonly held?: Held | undefined
  /** It costs nothing, and is allowed. */
  readonly free?: boolean
}

export class Decided implements Decision {
  readonly allowed: boolean
  readonly granted: number
  readonly limits: readonly LimitState[]
  readonly violated: readonly string[]
  readonly retryAfter: number
  readonly remaining: number
  readonly source: Decision['source']
  readonly receipt: Receipt | undefined
  readonly #held: Held | undefined

  constructor({
    limits,
    verdict,
    age = 0,
    source,
    shadow = false,
    receipt,
    held,
    free = false,
  }: Facts) {
    const states: LimitState[] = []
    const violated: string[] = []
    let retryAfter = 0
    let remaining = Infinity
    for (let i = 0; i < limits.length; i++) {
      const { name, limit } = limits[i]!
      const { available, full, ready } = verdict.limits[i]!
      const state = {
        name,
        limit,
        remaining: available,
        resetAfter: ms(full - age),
        retryAfter: ms(ready - age),
      }
      states.push(state)
      if (state.retryAfter > 0) violated.push(name)
      if (state.retryAfter > retryAfter) retryAfter = state.retryAfter
      if (available < remaining) remaining = available
    }
    this.granted = verdict.granted
    this.allowed = shadow || free || verdict.granted > 0
    this.limits = states
    this.violated = violated
    this.retryAfter = retryAfter
    this.remaining = remaining
    this.source = source
    this.receipt = receipt
    this.#held = held
  }

  get satisfiable(): boolean {
    return this.retryAfter < Infinity
  }

  get degraded(): boolean {
    return this.source === 'outage'
  }

  get signal(): AbortSignal {
    return this.#held?.signal ?? NEVER
  }

  async release(): Promise<void> {
    await this.#held?.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}

/** Whole ms, rounded up: after them it is so. */
function ms(micros: number): number {
  return micros > 0 ? Math.ceil(micros / 1_000) : 0
}

const NEVER = new AbortController().signal
