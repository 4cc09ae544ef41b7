import { jittered } from '../util/duration.js'
import { RecentMap } from '../util/recent-map.js'

/**
 * The recent errors of loaders, by key. Holds at most 1 000 errors and 1 MiB; the oldest is dropped
 * first.
 */
export class RememberedErrors {
  readonly #ttl: number
  readonly #shouldRemember: (error: unknown) => boolean
  readonly #errors = new RecentMap<{ readonly error: unknown; readonly until: number }>({
    max: 1_000,
    maxBytes: 1024 ** 2,
  })

  constructor(ttl: number, shouldRemember: (error: unknown) => boolean) {
    this.#ttl = ttl
    this.#shouldRemember = shouldRemember
  }

  add(key: string, error: unknown): void {
    if (!this.#shouldRemember(error)) return
    this.#errors.set(key, { error, until: performance.now() + jittered(this.#ttl, 0.1) })
  }

  get(key: string): { readonly error: unknown } | undefined {
    const remembered = this.#errors.get(key)
    if (remembered && performance.now() >= remembered.until) {
      this.#errors.delete(key)
      return undefined
    }
    return remembered
  }

  forget(key: string): void {
    this.#errors.delete(key)
  }

  clear(): void {
    this.#errors.clear()
  }
}
