import { jittered } from '../util/duration.js'
import { RecentMap } from '../util/recent-map.js'

/** Keys whose loader threw lately, with the error; the oldest is forgotten first. */
export class RememberedErrors {
  readonly #ttl: number
  readonly #keep: (error: unknown) => boolean
  readonly #errors = new RecentMap<{ readonly error: unknown; readonly until: number }>({
    max: 1_000,
    maxBytes: 1024 ** 2,
  })

  constructor(ttl: number, keep: (error: unknown) => boolean) {
    this.#ttl = ttl
    this.#keep = keep
  }

  add(key: string, error: unknown): void {
    if (!this.#keep(error)) return
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
