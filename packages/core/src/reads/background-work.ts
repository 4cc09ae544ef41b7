import { reportError } from './report-error.js'

/** The loads that go on in the background, after their callers got a value. */
export class BackgroundWork {
  readonly #waitUntil: ((work: Promise<unknown>) => void) | undefined
  readonly #pending = new Set<Promise<unknown>>()
  /** When the latest work on each key began, by the monotonic clock. */
  readonly #startedAt = new Map<string, number>()

  constructor(waitUntil: ((work: Promise<unknown>) => void) | undefined) {
    this.#waitUntil = waitUntil
  }

  /** Whether work on the key began less than `withinMs` ago and has not ended. */
  isRunning(key: string, withinMs: number): boolean {
    return performance.now() < (this.#startedAt.get(key) ?? -Infinity) + withinMs
  }

  /** Tracks work on a key until it ends. A rejection of the work is ignored. */
  add(key: string, loading: Promise<unknown>): void {
    const startedAt = performance.now()
    this.#startedAt.set(key, startedAt)
    const work = loading
      .catch(() => undefined)
      .finally(() => {
        this.#pending.delete(work)
        if (this.#startedAt.get(key) === startedAt) this.#startedAt.delete(key)
      })
    this.#pending.add(work)
    try {
      this.#waitUntil?.(work)
    } catch (error) {
      reportError('waitUntil', key, error)
    }
  }

  /** Resolves once no work is pending. */
  async idle(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }
}
