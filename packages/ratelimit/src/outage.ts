import type { OptionChecks } from '@cache/core/internal'
import { boundedMap } from './bounded-map.js'
import type { Clock } from './clock.js'
import type { Held } from './decision.js'
import type { Limit } from './policies.js'
import type { LimitVerdict, Verdict } from './scripts.js'

/**
 * What decides when Redis does not answer in time: everything is allowed, nothing is, or each
 * process allows its share of each limit by itself (0.25 where four processes run).
 */
export type OnOutage = 'open' | 'closed' | { readonly local: number }

export interface OutageAnswer {
  readonly verdict: Verdict
  /** The limits that were asked: in each process a share of them. */
  readonly limits: readonly Limit[]
  readonly held?: Held
}

export interface Outage {
  /** Of as much as `max`, but at least `min`. `peeking`: what would be decided. */
  decide(key: string, min: number, max: number, peeking?: boolean): OutageAnswer
}

export function createOutage(
  check: OptionChecks,
  onOutage: OnOutage | undefined,
  limits: readonly Limit[],
  clock: Clock,
): Outage {
  if (typeof onOutage === 'object' && onOutage !== null) {
    const share = check.nested('onOutage', ['local']).number('local', { min: 0.000_001, max: 1 })
    return new LocalShare(limits, share, clock)
  }
  const how = check.oneOf('onOutage', ['open', 'closed'], 'open')
  return {
    decide: (_key, _min, max) => ({
      limits,
      verdict: {
        now: 0,
        granted: how === 'open' ? max : 0,
        wait: 0,
        hold: 0,
        limits: limits.map(({ limit }) =>
          how === 'open'
            ? { available: limit, full: 0, ready: 0, mark: 0 }
            : { available: 0, full: CLOSED, ready: CLOSED, mark: 0 },
        ),
      },
    }),
  }
}

/** A token bucket in the process for each limit of each id, and a count of its slots. */
class LocalShare implements Outage {
  readonly #limits: readonly Limit[]
  readonly #clock: Clock
  /** µs in which one comes back. */
  readonly #rates: readonly number[]
  /**
   * By key: for each limit the µs at which its bucket is full again, or how many slots are taken.
   */
  readonly #states = boundedMap<number[]>(MOST)

  constructor(limits: readonly Limit[], share: number, clock: Clock) {
    this.#limits = limits.map((limit) => ({
      ...limit,
      limit: Math.max(1, Math.floor(limit.limit * share)),
      window: limit.window,
    }))
    this.#clock = clock
    this.#rates = limits.map(({ limit, window }) => (window * 1_000) / (limit * share))
  }

  decide(key: string, min: number, max: number, peeking = false): OutageAnswer {
    const now = Math.floor(this.#clock.now() * 1_000)
    let state = this.#states.get(key)
    if (!state) this.#states.set(key, (state = this.#limits.map(() => 0)))
    const has = state.map((at, i) => this.#available(i, at, now))
    const granted = Math.min(
      max,
      ...has.map((available, i) =>
        this.#isSlots(i) ? (available > 0 ? max : 0) : Math.floor(available),
      ),
    )
    // What costs more than the whole share counts for the whole of it.
    const least = Math.min(
      min,
      ...this.#limits.filter((_, i) => !this.#isSlots(i)).map(({ limit }) => limit),
    )
    const allowed = granted >= least
    const limits = state.map((at, i): LimitVerdict => {
      if (allowed && !peeking)
        state[i] = this.#isSlots(i)
          ? at + 1
          : Math.max(at, now) + Math.ceil(Math.max(granted, least) * this.#rates[i]!)
      const left = this.#available(i, state[i]!, now)
      const missing = this.#isSlots(i)
        ? has[i]! > 0
          ? 0
          : CLOSED
        : Math.max(0, Math.ceil((least - has[i]!) * this.#rates[i]!))
      return {
        available: Math.max(0, Math.floor(left)),
        full: this.#isSlots(i) ? 0 : Math.max(0, state[i]! - now),
        ready: allowed ? 0 : missing,
        mark: 0,
      }
    })
    const slots = this.#limits.flatMap((_, i) => (this.#isSlots(i) ? [i] : []))
    const verdict = {
      now: 0,
      granted: allowed ? Math.max(granted, min) : 0,
      wait: 0,
      hold: 0,
      limits,
    }
    return allowed && !peeking && slots.length > 0
      ? { verdict, limits: this.#limits, held: heldIn(state, slots) }
      : { verdict, limits: this.#limits }
  }

  #isSlots(i: number): boolean {
    return this.#limits[i]!.policy === 'concurrency'
  }

  #available(i: number, state: number, now: number): number {
    const { limit } = this.#limits[i]!
    return this.#isSlots(i) ? limit - state : limit - Math.max(0, state - now) / this.#rates[i]!
  }
}

function heldIn(state: number[], slots: readonly number[]): Held {
  let released = false
  return {
    signal: new AbortController().signal,
    release: async () => {
      if (released) return
      released = true
      for (const i of slots) state[i]!--
    },
  }
}

/** µs after which to ask again, where nothing is known: by then Redis is asked again as well. */
const CLOSED = 1_000_000
/** Ids whose local state is kept. */
const MOST = 100_000
