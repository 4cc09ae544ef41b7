import type { GroupVersions } from '@cache/versioning'

/** A read that found nothing in the cache, and what was current then. */
export interface PendingRead {
  readonly groups: readonly string[]
  readonly versions: GroupVersions
}

/**
 * Remembers reads between `get`, which found nothing, and `put`, which brings the rows. Drizzle
 * does not say which `put` belongs to which `get`, so reads of one key share the oldest versions:
 * rows that are too old are then refused, and never stored.
 */
export class PendingReads {
  readonly #reads = new Map<string, PendingRead & { readonly since: number }>()

  add(key: string, read: PendingRead): void {
    if (this.#reads.has(key)) return
    if (this.#reads.size >= MAX_READS) this.#forgetFailed()
    if (this.#reads.size < MAX_READS) this.#reads.set(key, { ...read, since: performance.now() })
  }

  /** Returns the read of a key, and forgets it. */
  take(key: string): PendingRead | undefined {
    const read = this.#reads.get(key)
    this.#reads.delete(key)
    return read
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

const MAX_READS = 10_000
/** In ms. */
const LONGEST_QUERY = 600_000
