/** A pattern in use, with checks of its guarantees. */
export interface Workload {
  readonly name: string
  /** Performs one operation. Rejects if the pattern does. */
  step(): Promise<void>
  /** Checks all data once more after recovery. */
  verify(): Promise<void>
  /** The violations of guarantees, and how often each occurred. */
  readonly violations: Counter
  close(): Promise<void>
}

/** Counts by name. */
export class Counter extends Map<string, number> {
  count(name: string, by = 1): void {
    this.set(name, (this.get(name) ?? 0) + by)
  }
}

export function randomElement<T>(elements: readonly T[]): T {
  return elements[Math.floor(Math.random() * elements.length)]!
}

export const IDS: readonly number[] = Array.from({ length: 60 }, (_, id) => id)
