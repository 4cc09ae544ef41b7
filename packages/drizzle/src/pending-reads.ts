import type { GroupVersions } from '@cache/versioning'

/** A read that found nothing in the cache, and what was current then. */
export interface PendingRead {
  readonly groups: readonly string[]
  readonly versions: GroupVersions
}

/**
 * Remembers reads between `get`, which found nothing, and `put`, which brings the rows. Drizzle
 * does not say which `put` belongs to which `get`, so reads of one key share the oldest versions
 * until each has brought its rows: rows that are too old are then refused, and never stored.
 */
export class PendingReads {
  readonly #reads = new Map<string, SharedRead>()
  /** Until when rows may arrive of reads for which there was no room. */
  #overfullUntil = -Infinity

  /** @param read `undefined`: its versions are unknown, and its rows must not be stored. */
  add(key: string, read: PendingRead | undefined): void {
    const since = performance.now()
    const shared = this.#reads.get(key)
    if (shared && shared.since > since - LONGEST_QUERY) return void shared.count++
    this.#reads.delete(key)
    if (this.#reads.size >= MAX_READS) this.#forgetFailed()
    if (this.#reads.size < MAX_READS) this.#reads.set(key, { read, since, count: 1 })
    else this.#overfullUntil = since + LONGEST_QUERY
  }

  /** Returns what the rows of a key are stored with, and counts one read less. */
  take(key: string): PendingRead | undefined {
    const shared = this.#reads.get(key)
    if (shared && --shared.count === 0) this.#reads.delete(key)
    return performance.now() < this.#overfullUntil ? undefined : shared?.read
  }

  /** Drizzle does not call `put` for a query that failed. */
  #forgetFailed(): void {
    const before = performance.now() - LONGEST_QUERY
    for (const [key, { since }] of this.#reads) {
      if (since > before) return
      this.#reads.delete(key)
    }
  }
}

/** The reads of a key that are under way. */
interface SharedRead {
  /** The oldest of them. */
  readonly read: PendingRead | undefined
  readonly since: number
  count: number
}

const MAX_READS = 10_000
/** In ms. */
const LONGEST_QUERY = 600_000
