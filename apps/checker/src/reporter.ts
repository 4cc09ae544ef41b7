import type { Event, Violation } from './events.js'

/** Collects what the checker is to hear of. */
export class Reporter {
  #events: Event[] = []
  readonly #counts: Record<string, number> = {}

  add(event: Event): void {
    this.#events.push(event)
  }

  violation(
    violation: Omit<Violation, 'type' | 'unless'> & Partial<Pick<Violation, 'unless'>>,
  ): void {
    this.add({ type: 'violation', unless: 'nothing', ...violation })
  }

  count(what: string, by = 1): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + by
  }

  /** What has come since the last call, and all counts. */
  take(): { readonly events: readonly Event[]; readonly counts: Readonly<Record<string, number>> } {
    const events = this.#events
    this.#events = []
    return { events, counts: { ...this.#counts } }
  }
}
