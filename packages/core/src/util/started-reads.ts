/**
 * Remembers what was current when reads began, for an interface that does not say which result
 * belongs to which read. Reads of one key share what the oldest began with, until each of them has
 * brought its result: a result that is too old is then known to be, and never stored as new.
 */
export class StartedReads<T> {
  readonly #reads = new Map<string, SharedRead<T>>()
  /** Until when results may come from reads for which there was no room. */
  #overfullUntil = -Infinity

  /** @param start `undefined`: it is unknown, for example because Redis did not answer. */
  add(key: string, start: T | undefined): void {
    const since = performance.now()
    const shared = this.#reads.get(key)
    if (shared && shared.since > since - LONGEST_READ) return void shared.count++
    this.#reads.delete(key)
    if (this.#reads.size >= MAX_READS) this.#forgetFailed()
    if (this.#reads.size < MAX_READS) this.#reads.set(key, { start, since, count: 1 })
    else this.#overfullUntil = since + LONGEST_READ
  }

  /**
   * Returns what a result of the key may have begun with, and counts one read less. `undefined`:
   * nobody knows.
   */
  take(key: string): T | undefined {
    const shared = this.#reads.get(key)
    if (shared && --shared.count === 0) this.#reads.delete(key)
    return performance.now() < this.#overfullUntil ? undefined : shared?.start
  }

  /** Nobody tells about a read that failed. */
  #forgetFailed(): void {
    const before = performance.now() - LONGEST_READ
    for (const [key, { since }] of this.#reads) {
      if (since > before) return
      this.#reads.delete(key)
    }
  }
}

/** The reads of a key that are under way. */
interface SharedRead<T> {
  /** What the oldest of them began with. */
  readonly start: T | undefined
  readonly since: number
  count: number
}

const MAX_READS = 10_000
/** In ms. */
const LONGEST_READ = 600_000
