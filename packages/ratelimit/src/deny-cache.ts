import type { LRUCache } from 'lru-cache'
import { boundedMap } from './bounded-map.js'
import { DRIFT, type Clock } from './clock.js'
import type { Limit } from './policies.js'
import type { Verdict } from './scripts.js'

/** A denial as it came from Redis, and its age in µs. */
export interface KnownDenial {
  readonly verdict: Verdict
  readonly age: number
}

interface Denial {
  readonly verdict: Verdict
  readonly cost: number
  /** Ms of the process' monotonic clock. */
  readonly receivedAt: number
  readonly until: number
}

/**
 * When a request was sent, in both of the ways that matter: by the clock, and among the changes.
 */
export interface Sent {
  readonly at: number
  readonly changes: number
}

/**
 * Remembers who was denied, so that repeat offenders cost no round trip. What Redis has denied it
 * goes on denying until the limits in the way are ready, counted from before the question was sent:
 * so nothing is denied here that Redis would allow, unless somebody else gives something back
 * meanwhile (a refund, a reset, a slot). What this process gives back is forgotten here; of others'
 * it hears after `maxAge`.
 */
export class DenyCache {
  readonly #denials: LRUCache<string, Denial>
  readonly #changed: LRUCache<string, number>
  readonly #maxAge: number
  readonly #limits: readonly Limit[]
  readonly #clock: Clock
  #changes = 0

  constructor(
    limits: readonly Limit[],
    { max, maxAge }: { readonly max: number; readonly maxAge: number },
    clock: Clock,
  ) {
    this.#limits = limits
    this.#denials = boundedMap(max)
    this.#changed = boundedMap(max)
    this.#maxAge = maxAge
    this.#clock = clock
  }

  get(key: string, cost: number): KnownDenial | undefined {
    const denial = this.#denials.get(key)
    if (denial === undefined || denial.cost !== cost) return undefined
    const now = this.#clock.now()
    if (now >= denial.until) {
      this.#denials.delete(key)
      return undefined
    }
    // From the reply on, not from the question: who waits for as long as this says does not come
    // too early.
    return { verdict: denial.verdict, age: Math.round((now - denial.receivedAt) * 1_000) }
  }

  sending(): Sent {
    return { at: this.#clock.now(), changes: this.#changes }
  }

  add(key: string, cost: number, verdict: Verdict, sent: Sent): void {
    if ((this.#changed.get(key) ?? 0) > sent.changes) return
    const life = Math.min(this.#maxAge, (this.#certain(verdict) / 1_000) * (1 - DRIFT))
    if (life > 0)
      this.#denials.set(key, {
        verdict,
        cost,
        receivedAt: this.#clock.now(),
        until: sent.at + life,
      })
  }

  /** Something was charged: a denial of a higher cost still holds, but for longer. */
  charged(key: string): void {
    if (this.#denials.size > 0) this.#denials.delete(key)
  }

  /** Something is given back, or was: denials known by now, and those under way, may be wrong. */
  forget(key: string): void {
    this.#changed.set(key, ++this.#changes)
    this.#denials.delete(key)
  }

  /** µs for which it is denied whatever others do: slots may be released at any time. */
  #certain({ limits }: Verdict): number {
    let longest = 0
    for (let i = 0; i < limits.length; i++)
      if (this.#limits[i]!.policy !== 'concurrency') longest = Math.max(longest, limits[i]!.ready)
    return longest
  }
}
