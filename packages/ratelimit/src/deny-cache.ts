import type { LRUCache } from 'lru-cache'
import { boundedMap } from './bounded-map.js'
import { MAX_CLOCK_DRIFT, type Clock } from './clock.js'
import type { RequestLimits } from './request-limits.js'
import type { Verdict } from './limit-scripts.js'

export interface DenyCacheOptions {
  /** The number of ids whose denials are cached. */
  readonly max: number
  /** Milliseconds after which a denial is dropped. */
  readonly maxAge: number
}

/** A denial as Redis sent it, and its age in microseconds. */
export interface CachedDenial {
  readonly verdict: Verdict
  readonly age: number
}

/** The state of the cache when a request was sent. */
export interface SendMark {
  /** Milliseconds of the process' monotonic clock. */
  readonly at: number
  /** The number of invalidations so far. */
  readonly invalidations: number
}

interface Denial {
  readonly verdict: Verdict
  readonly cost: number
  /** Identifies the limits that the request had. */
  readonly fingerprint: string
  /** Milliseconds of the process' monotonic clock. */
  readonly receivedAt: number
  readonly validUntil: number
}

/**
 * A cache of denials, so that repeat offenders cost no round trip. A denial of Redis is repeated
 * until the limits that caused it admit the request again, counted from before the request was
 * sent. So the cache denies nothing that Redis would allow, unless capacity is given back meanwhile
 * (a refund, a reset, a released slot). This process invalidates the cache when it gives capacity
 * back. Changes by other processes take effect after `maxAge`.
 */
export class DenyCache {
  readonly #denials: LRUCache<string, Denial>
  /** The sequence number of the latest invalidation of each key. */
  readonly #invalidated: LRUCache<string, number>
  readonly #maxAge: number
  readonly #clock: Clock
  #invalidations = 0

  constructor({ max, maxAge }: DenyCacheOptions, clock: Clock) {
    this.#denials = boundedMap(max)
    this.#invalidated = boundedMap(max)
    this.#maxAge = maxAge
    this.#clock = clock
  }

  get(key: string, cost: number, { fingerprint }: RequestLimits): CachedDenial | undefined {
    const denial = this.#denials.get(key)
    if (denial?.cost !== cost || denial.fingerprint !== fingerprint) return undefined
    const now = this.#clock.now()
    if (now >= denial.validUntil) {
      this.#denials.delete(key)
      return undefined
    }
    // The age counts from the reply, not from the request, so that a caller who waits for the
    // reported time does not come too early.
    return { verdict: denial.verdict, age: Math.round((now - denial.receivedAt) * 1_000) }
  }

  /** Call this before a request is sent, and pass the result to `add` with the reply. */
  markSend(): SendMark {
    return { at: this.#clock.now(), invalidations: this.#invalidations }
  }

  /** Caches a denial, unless its key was invalidated since the request was sent. */
  add(key: string, cost: number, limits: RequestLimits, verdict: Verdict, sent: SendMark): void {
    if ((this.#invalidated.get(key) ?? 0) > sent.invalidations) return
    const validFor = (deniedFor(limits, verdict) / 1_000) * (1 - MAX_CLOCK_DRIFT)
    const ttl = Math.min(this.#maxAge, validFor)
    if (ttl > 0)
      this.#denials.set(key, {
        verdict,
        cost,
        fingerprint: limits.fingerprint,
        receivedAt: this.#clock.now(),
        validUntil: sent.at + ttl,
      })
  }

  /**
   * Call this after a charge. A cached denial of a higher cost is still right, but its `retryAfter`
   * is too short now.
   */
  onCharge(key: string): void {
    if (this.#denials.size > 0) this.#denials.delete(key)
  }

  /**
   * Call this before and after capacity is given back. It drops the cached denial of the key, and
   * those whose requests are under way are not cached.
   */
  invalidate(key: string): void {
    this.#invalidated.set(key, ++this.#invalidations)
    this.#denials.delete(key)
  }
}

/**
 * Returns the microseconds for which the request is denied whatever other requests do. Concurrency
 * limits do not count, because a slot can be released at any time.
 */
function deniedFor({ limits }: RequestLimits, verdict: Verdict): number {
  let longest = verdict.blockedFor
  for (let i = 0; i < limits.length; i++)
    if (limits[i]!.policy !== 'concurrency')
      longest = Math.max(longest, verdict.limits[i]!.readyAfter)
  return longest
}
