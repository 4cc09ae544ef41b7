import type { Event, Violation } from './events.js'

/** Collects events and counts for the checker. */
export class Reporter {
  #events: Event[] = []
  readonly #counts: Record<string, number> = {}

  add(event: Event): void {
    this.#events.push(event)
  }

  violation(
    violation: Omit<Violation, 'type' | 'explainedBy'> & Partial<Pick<Violation, 'explainedBy'>>,
  ): void {
    this.add({ type: 'violation', explainedBy: 'nothing', ...violation })
  }

  count(name: string, by = 1): void {
    this.#counts[name] = (this.#counts[name] ?? 0) + by
  }

  /** Returns the events since the last call, and all counts. */
  take(): { readonly events: readonly Event[]; readonly counts: Readonly<Record<string, number>> } {
    const events = this.#events
    this.#events = []
    return { events, counts: { ...this.#counts } }
  }
}
