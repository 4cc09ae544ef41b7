import type { Report } from './report.js'

export interface BackgroundRules {
  readonly waitUntil: ((work: Promise<unknown>) => void) | undefined
  readonly leaseTtl: number
}

/** The renderings of this process that go on after their requests were answered: one for a key. */
export class BackgroundRenders {
  readonly #rules: BackgroundRules
  readonly #report: Report
  readonly #running = new Set<Promise<unknown>>()
  /** When the latest rendering of a key began that has not ended, by the monotonic clock. */
  readonly #began = new Map<string, number>()

  constructor(rules: BackgroundRules, report: Report) {
    this.#rules = rules
    this.#report = report
  }

  /** Calls `render`, unless a rendering of this key goes on. One that hangs does not count. */
  start(key: string, render: () => Promise<void>): void {
    const { leaseTtl, waitUntil } = this.#rules
    const began = performance.now()
    if (began < (this.#began.get(key) ?? -Infinity) + 2 * leaseTtl) return
    this.#began.set(key, began)
    const work = render()
      .catch((error: unknown) => this.#report('background', error))
      .finally(() => {
        this.#running.delete(work)
        if (this.#began.get(key) === began) this.#began.delete(key)
      })
    this.#running.add(work)
    try {
      waitUntil?.(work)
    } catch (error) {
      this.#report('waitUntil', error)
    }
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
