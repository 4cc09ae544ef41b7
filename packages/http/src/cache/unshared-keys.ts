import { RecentMap } from '@cache/core/internal'
import { keyText, type PageKey } from './page-key.js'

/**
 * The keys whose last response belonged to one request only. For 10 s, requests of such a key do
 * not wait for each other: they would all have to render for themselves after that.
 */
export class UnsharedKeys {
  /** Until when a key counts, by the monotonic clock. */
  readonly #ends = new RecentMap<number>({ max: 10_000, maxBytes: 4 * 1024 ** 2 })

  add(key: PageKey): void {
    this.#ends.set(keyText(key), performance.now() + UNSHARED_FOR)
  }

  delete(key: PageKey): void {
    this.#ends.delete(keyText(key))
  }

  has(key: PageKey): boolean {
    return (this.#ends.get(keyText(key)) ?? 0) > performance.now()
  }
}

const UNSHARED_FOR = 10_000
