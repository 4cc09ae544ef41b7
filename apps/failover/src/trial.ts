/** One pattern at work, watched for what it promises. */
export interface Trial {
  readonly name: string
  /** Does one piece of work. Rejects as the pattern does. */
  step(): Promise<void>
  /** Looks at everything once more, when all is well again. */
  settle(): Promise<void>
  /** What went against the promise, and how often. */
  readonly broken: Tally
  close(): Promise<void>
}

/** Counts by name. */
export class Tally extends Map<string, number> {
  count(what: string, by = 1): void {
    this.set(what, (this.get(what) ?? 0) + by)
  }
}

export function oneOf<T>(all: readonly T[]): T {
  return all[Math.floor(Math.random() * all.length)]!
}

export const IDS: readonly number[] = Array.from({ length: 60 }, (_, id) => id)
