import type { Limit } from './policies/limit.js'
import type { Verdict } from './limit-scripts.js'

/** The state of one limit after a decision. */
export interface LimitState {
  readonly name: string
  /** The highest cost that this limit can admit at once. */
  readonly limit: number
  /** The cost that this limit can admit now. */
  readonly remaining: number
  /** Milliseconds until all of `limit` is available again, if nothing more is charged. */
  readonly resetAfter: number
  /**
   * Milliseconds until this limit admits the same request; 0 if it admits it now. The value is
   * exact if nothing more is charged: 1 ms earlier, the request is denied.
   */
  readonly retryAfter: number
}

/**
 * A record of what a request was charged. Any process can refund it, once. It survives JSON.
 *
 * Without the option `receiptSecrets`, a receipt must not leave the server: a client could change
 * it and be refunded more than it paid.
 */
export interface Receipt {
  readonly key: string
  readonly token: string
  readonly charged: number
  /** The server's time of the charge, in microseconds. */
  readonly at: number
  readonly marks: readonly number[]
  /**
   * If the request had its own limits: two numbers of each, which say at what rate it was
   * charged.
   */
  readonly rates?: readonly number[]
  /** HMAC-SHA-256 of all other fields, if the limiter has `receiptSecrets`. */
  readonly signature?: string
}

/** The answer to one request. `await using` releases its concurrency slot, if it has one. */
export interface Decision extends AsyncDisposable {
  readonly allowed: boolean
  /**
   * The charge. For `consume` and `reserve` it is the cost, for `consumeUpTo` the part that was
   * available. It is 0 for a denied request.
   */
  readonly granted: number
  /** The state of each limit, in the order of the limiter's `limits`. */
  readonly limits: readonly LimitState[]
  /**
   * The names of the limits that deny the request. With `shadow: true` the list can contain names
   * although `allowed` is true. It can be empty if the id is blocked (`blockedFor`).
   */
  readonly violated: readonly string[]
  /**
   * Milliseconds until all limits admit the same request; 0 if they do now. A concurrency limit
   * reports the time until a slot expires. `Infinity` if the request can never be admitted.
   */
  readonly retryAfter: number
  /**
   * Milliseconds until the block of the id ends (`block`); 0 if it is not blocked. `Infinity` if it
   * is on the deny list. Until then, no limit has anything left.
   */
  readonly blockedFor: number
  /**
   * False if no retry can succeed: the cost is higher than a limit admits at once, or the id is on
   * the deny list.
   */
  readonly satisfiable: boolean
  /** The smallest `remaining` of all limits. */
  readonly remaining: number
  /**
   * True if Redis did not answer in time and `onOutage` decided. The real state of the limits is
   * then unknown.
   */
  readonly degraded: boolean
  /**
   * Where the decision was made: in Redis, in the cache of denials, from prefetched tokens
   * (`prefetch`), by `onOutage`, or by an allow or deny list.
   */
  readonly source: 'redis' | 'cache' | 'prefetch' | 'outage' | 'list'
  /** The argument for `refund`. Undefined if nothing was charged, or if `onOutage` decided. */
  readonly receipt: Receipt | undefined
  /**
   * Aborts when the concurrency slot is lost, before another request can get the slot. Never aborts
   * if the limiter has no concurrency limit.
   */
  readonly signal: AbortSignal
  /**
   * Releases the concurrency slot, if there is one. Never rejects: a slot that cannot be released
   * expires by itself. `await using` calls this method.
   */
  release(): Promise<void>
}

/** A handle on concurrency slots that are held until `release` is called. */
export interface SlotHandle {
  readonly signal: AbortSignal
  release(): Promise<void>
}

export interface DecisionInput {
  readonly limits: readonly Limit[]
  readonly verdict: Verdict
  /** Microseconds since the verdict was received. */
  readonly age?: number
  readonly source: Decision['source']
  readonly shadow?: boolean
  readonly receipt?: Receipt | undefined
  readonly slots?: SlotHandle | undefined
  /** True for a request with a cost of 0, which is always allowed. */
  readonly free?: boolean
}

/** A decision, computed from the verdict of Redis or of `onOutage`. */
export class LimiterDecision implements Decision {
  readonly allowed: boolean
  readonly granted: number
  readonly limits: readonly LimitState[]
  readonly violated: readonly string[]
  readonly retryAfter: number
  readonly blockedFor: number
  readonly remaining: number
  readonly source: Decision['source']
  readonly receipt: Receipt | undefined
  readonly #slots: SlotHandle | undefined
  #signal: AbortSignal | undefined

  constructor({
    limits,
    verdict,
    age = 0,
    source,
    shadow = false,
    receipt,
    slots,
    free = false,
  }: DecisionInput) {
    const states: LimitState[] = []
    const violated: string[] = []
    const blockedFor = toMilliseconds(verdict.blockedFor - age)
    const isBlocked = blockedFor > 0
    let retryAfter = blockedFor
    let remaining = Infinity
    for (let i = 0; i < limits.length; i++) {
      const { name, limit } = limits[i]!
      const { available, fullAfter, readyAfter } = verdict.limits[i]!
      const state = {
        name,
        limit,
        remaining: isBlocked ? 0 : available,
        resetAfter: Math.max(blockedFor, toMilliseconds(fullAfter - age)),
        retryAfter: Math.max(blockedFor, toMilliseconds(readyAfter - age)),
      }
      states.push(state)
      if (readyAfter - age > 0) violated.push(name)
      if (state.retryAfter > retryAfter) retryAfter = state.retryAfter
      if (state.remaining < remaining) remaining = state.remaining
    }
    this.granted = verdict.granted
    this.allowed = shadow || (free && !isBlocked) || verdict.granted > 0
    this.limits = states
    this.violated = violated
    this.retryAfter = retryAfter
    this.blockedFor = blockedFor
    this.remaining = remaining
    this.source = source
    this.receipt = receipt
    this.#slots = slots
  }

  get satisfiable(): boolean {
    return this.retryAfter < Infinity
  }

  get degraded(): boolean {
    return this.source === 'outage'
  }

  get signal(): AbortSignal {
    // One that all decisions shared would keep what their callers add to it.
    return (this.#signal ??= this.#slots?.signal ?? new AbortController().signal)
  }

  async release(): Promise<void> {
    await this.#slots?.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}

/** Rounds up, so that a caller who waits for the result does not come too early. */
function toMilliseconds(micros: number): number {
  return micros > 0 ? Math.ceil(micros / 1_000) : 0
}
