import { RecentMap } from '@cache/core/internal'

/**
 * Versions that this process uses for a limited time without asking Redis (the option
 * `versionCache`). It is bounded by number and bytes, and evicts the oldest version first.
 */
export class VersionCache {
  readonly #ttl: number
  readonly #versions = new RecentMap<{ readonly version: number; readonly validUntil: number }>({
    max: 10_000,
    maxBytes: 4 * 1024 ** 2,
  })
  #invalidations = 0

  constructor(ttl: number) {
    this.#ttl = ttl
  }

  get(key: string): number | undefined {
    const cached = this.#versions.get(key)
    return cached !== undefined && performance.now() < cached.validUntil
      ? cached.version
      : undefined
  }

  /**
   * Begins a read of versions from Redis, and returns the function that caches its results. A
   * result is valid for the ttl from now on. It is not cached if any version was invalidated in the
   * meantime.
   */
  beginRead(): (key: string, version: number) => void {
    const validUntil = performance.now() + this.#ttl
    const invalidations = this.#invalidations
    return (key, version) => {
      if (invalidations !== this.#invalidations) return
      this.#versions.set(key, { version, validUntil })
    }
  }

  /** Drops these versions, and the results of all reads that are under way. */
  invalidate(keys: Iterable<string>): void {
    this.#invalidations++
    for (const key of keys) this.#versions.delete(key)
  }
}
