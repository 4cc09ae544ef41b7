import type { Report } from './report.js'

/** The renderings of this process that go on after their requests were answered: one for a key. */
export class BackgroundRenders {
  readonly #running = new Map<string, Promise<unknown>>()
  readonly #waitUntil: ((work: Promise<unknown>) => void) | undefined
  readonly #report: Report

  constructor(waitUntil: ((work: Promise<unknown>) => void) | undefined, report: Report) {
    this.#waitUntil = waitUntil
    this.#report = report
  }

  /** Calls `render`, unless a rendering of this key goes on. */
  start(key: string, render: () => Promise<void>): void {
    if (this.#running.has(key)) return
    const work = render()
      .catch((error: unknown) => this.#report('background', error))
      .finally(() => this.#running.delete(key))
    this.#running.set(key, work)
    try {
      this.#waitUntil?.(work)
    } catch (error) {
      this.#report('waitUntil', error)
    }
  }

  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }
}
