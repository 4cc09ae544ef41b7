import { now } from '../clock.js'
import type { FaultName } from './all.js'

/** Not a fault, but order and exactness are not checked while the machine is slow. */
const SLOW = 'slow machine'

interface Entry {
  readonly name: FaultName | typeof SLOW
  readonly from: number
  to: number
}

/** Records which faults were active, and when. */
export class FaultLog {
  readonly #entries: Entry[] = []

  async during(name: FaultName, run: () => Promise<void>): Promise<void> {
    const entry: Entry = { name, from: now(), to: Infinity }
    this.#entries.push(entry)
    try {
      await run()
    } finally {
      entry.to = now()
    }
  }

  /** Records that the machine had no time for this process. */
  slow(from: number, to: number): void {
    this.#entries.push({ name: SLOW, from, to })
  }

  /** Returns whether one of these faults (by default: any) was active between the two times. */
  any(from: number, to: number, names?: readonly FaultName[]): boolean {
    return this.#entries.some(
      (entry) =>
        entry.from <= to &&
        entry.to >= from &&
        (names === undefined || (entry.name !== SLOW && names.includes(entry.name))),
    )
  }

  /** Returns the faults that ended after this time, or have not ended. */
  names(since: number): readonly string[] {
    return this.#entries.filter(({ to }) => to >= since).map(({ name }) => name)
  }

  /** Returns how often each fault occurred. */
  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { name } of this.#entries) counts[name] = (counts[name] ?? 0) + 1
    return counts
  }
}
