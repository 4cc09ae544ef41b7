import { RecentMap } from '@cache/core/internal'

/** Versions that this process goes by for a while without asking; the oldest is forgotten first. */
export class KeptVersions {
  readonly #keepFor: number
  readonly #kept = new RecentMap<{ readonly version: number; readonly until: number }>({
    max: 10_000,
    maxBytes: 4 * 1024 ** 2,
  })
  #changes = 0

  constructor(keepFor: number) {
    this.#keepFor = keepFor
  }

  get(key: string): number | undefined {
    const kept = this.#kept.get(key)
    return kept !== undefined && performance.now() < kept.until ? kept.version : undefined
  }

  /**
   * Redis is about to be asked: what to do with its answer. It is good for as long from now on, and
   * not if something was bumped meanwhile.
   */
  ask(): (key: string, version: number) => void {
    const until = performance.now() + this.#keepFor
    const changes = this.#changes
    return (key, version) => {
      if (changes !== this.#changes) return
      this.#kept.set(key, { version, until })
    }
  }

  /** These are being bumped, or have been. */
  forget(keys: Iterable<string>): void {
    this.#changes++
    for (const key of keys) this.#kept.delete(key)
  }
}
