import type { OptionChecks } from '@cache/core/internal'
import { boundedMap } from './bounded-map.js'
import type { Clock } from './clock.js'
import type { SlotHandle } from './decision.js'
import type { Limit } from './policies.js'
import type { LimitVerdict, Verdict } from './scripts.js'

/**
 * What happens to requests while Redis does not answer in time:
 *
 * - `'allow'` allows them.
 * - `'deny'` denies them.
 * - `{ local: share }` lets each process allow its share of each limit without Redis. With four
 *   processes, use 0.25.
 */
export type OnOutage = 'allow' | 'deny' | { readonly local: number }

export interface OutageDecision {
  readonly verdict: Verdict
  /** The limits that the verdict is about. With `{ local }` they are this process' share. */
  readonly limits: readonly Limit[]
  readonly slots?: SlotHandle
}

/** Decides on requests without Redis. */
export interface OutageStrategy {
  /**
   * Charges as much as is available up to `maxCost`, or denies if that is less than `minCost`. With
   * `peeking` nothing is charged.
   */
  decide(key: string, minCost: number, maxCost: number, peeking?: boolean): OutageDecision
}

/** @throws {InvalidOptionError} for any other value than those of `OnOutage`. */
export function checkOnOutage(check: OptionChecks, onOutage: OnOutage | undefined): OnOutage {
  if (typeof onOutage === 'object' && onOutage !== null)
    return {
      local: check.nested('onOutage', ['local']).number('local', { min: 0.000_001, max: 1 }),
    }
  return check.oneOf('onOutage', ['allow', 'deny'], 'allow')
}

export function createOutageStrategy(
  onOutage: OnOutage,
  limits: readonly Limit[],
  clock: Clock,
): OutageStrategy {
  if (typeof onOutage === 'object') return new LocalShareStrategy(limits, onOutage.local, clock)
  const allow = onOutage === 'allow'
  return {
    decide: (_key, _minCost, maxCost) => ({
      limits,
      verdict: {
        now: 0,
        granted: allow ? maxCost : 0,
        wait: 0,
        spendWithin: 0,
        limits: limits.map(({ limit }) =>
          allow
            ? { available: limit, fullAfter: 0, readyAfter: 0, mark: 0 }
            : { available: 0, fullAfter: RETRY_AFTER, readyAfter: RETRY_AFTER, mark: 0 },
        ),
      },
    }),
  }
}

/**
 * Allows a share of each limit in this process. Each id has a token bucket for each limit, and a
 * count of the slots it holds for each concurrency limit.
 */
class LocalShareStrategy implements OutageStrategy {
  readonly #limits: readonly Limit[]
  readonly #clock: Clock
  /** The microseconds after which one token comes back, for each limit. */
  readonly #microsPerToken: readonly number[]
  /**
   * The state of each limit by key: the microsecond at which its bucket is full again, or the
   * number of slots in use.
   */
  readonly #states = boundedMap<number[]>(MAX_IDS)

  constructor(limits: readonly Limit[], share: number, clock: Clock) {
    this.#limits = limits.map((limit) => ({
      ...limit,
      limit: Math.max(1, Math.floor(limit.limit * share)),
      window: limit.window,
    }))
    this.#clock = clock
    this.#microsPerToken = limits.map(({ limit, window }) => (window * 1_000) / (limit * share))
  }

  decide(key: string, minCost: number, maxCost: number, peeking = false): OutageDecision {
    const now = Math.floor(this.#clock.now() * 1_000)
    let states = this.#states.get(key)
    if (!states) this.#states.set(key, (states = this.#limits.map(() => 0)))
    const availableBefore = states.map((state, i) => this.#available(i, state, now))
    const granted = Math.min(
      maxCost,
      ...availableBefore.map((available, i) =>
        this.#isConcurrency(i) ? (available > 0 ? maxCost : 0) : Math.floor(available),
      ),
    )
    // A cost higher than the whole share counts as the whole share.
    const required = Math.min(
      minCost,
      ...this.#limits.filter((_, i) => !this.#isConcurrency(i)).map(({ limit }) => limit),
    )
    const allowed = granted >= required
    const charged = Math.max(granted, required)
    const limits = states.map((state, i): LimitVerdict => {
      if (allowed && !peeking) states[i] = this.#charge(i, state, charged, now)
      return {
        available: Math.max(0, Math.floor(this.#available(i, states[i]!, now))),
        fullAfter: this.#isConcurrency(i) ? 0 : Math.max(0, states[i]! - now),
        readyAfter: allowed ? 0 : this.#readyAfter(i, availableBefore[i]!, required),
        mark: 0,
      }
    })
    const verdict = {
      now: 0,
      granted: allowed ? Math.max(granted, minCost) : 0,
      wait: 0,
      spendWithin: 0,
      limits,
    }
    const slotIndexes = this.#limits.flatMap((_, i) => (this.#isConcurrency(i) ? [i] : []))
    return allowed && !peeking && slotIndexes.length > 0
      ? { verdict, limits: this.#limits, slots: localSlots(states, slotIndexes) }
      : { verdict, limits: this.#limits }
  }

  #isConcurrency(i: number): boolean {
    return this.#limits[i]!.policy === 'concurrency'
  }

  #available(i: number, state: number, now: number): number {
    const { limit } = this.#limits[i]!
    return this.#isConcurrency(i)
      ? limit - state
      : limit - Math.max(0, state - now) / this.#microsPerToken[i]!
  }

  #charge(i: number, state: number, cost: number, now: number): number {
    return this.#isConcurrency(i)
      ? state + 1
      : Math.max(state, now) + Math.ceil(cost * this.#microsPerToken[i]!)
  }

  #readyAfter(i: number, available: number, cost: number): number {
    if (this.#isConcurrency(i)) return available > 0 ? 0 : RETRY_AFTER
    return Math.max(0, Math.ceil((cost - available) * this.#microsPerToken[i]!))
  }
}

/** A handle that gives back one slot of each of these limits. */
function localSlots(states: number[], slotIndexes: readonly number[]): SlotHandle {
  let released = false
  return {
    signal: new AbortController().signal,
    release: async () => {
      if (released) return
      released = true
      for (const i of slotIndexes) states[i]!--
    },
  }
}

/**
 * The microseconds that a denied client is told to wait when the real time is unknown. By then the
 * limiter asks Redis again.
 */
const RETRY_AFTER = 1_000_000
/** The number of ids whose local state is kept. */
const MAX_IDS = 100_000
