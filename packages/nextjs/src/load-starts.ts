import { RecentMap } from '@cache/core/internal'

/** A reading of a server's clock. */
export interface ClockReading {
  /** The server's time, in µs. */
  readonly time: number
  /** When the clock was asked for, by this process' monotonic clock. */
  readonly asked: number
}

/** Remembers, for keys that were not found fresh, the clock before their loads may have begun. */
export class LoadStarts {
  readonly #starts = new RecentMap<ClockReading>({ max: 10_000, maxBytes: 4 * 1024 ** 2 })

  /** Notes a reading, unless there is an earlier one that no load has taken. */
  note(key: string, reading: ClockReading): void {
    if (this.#starts.get(key) === undefined) this.#starts.set(key, reading)
  }

  /** Returns the first reading, and forgets it. */
  take(key: string): ClockReading | undefined {
    const reading = this.#starts.get(key)
    this.#starts.delete(key)
    return reading
  }
}

/** When a load began. */
export interface LoadStart {
  /** By this process' monotonic clock. */
  readonly at: number
  /** The clock of a server at that time or earlier, if it was read. */
  readonly clock?: ClockReading | undefined
}

/**
 * Returns the time of a server when a load began, at the earliest, in µs: the server said `time` at
 * `answered` or before. So it does not matter whether the clocks of the process and of the server
 * agree. If the server's clock was set forward meanwhile, the difference is subtracted.
 */
export function serverTimeAt(
  { at, clock }: LoadStart,
  { time, answered }: { readonly time: number; readonly answered: number },
): number {
  const setForward =
    clock === undefined
      ? 0
      : Math.max(0, time - clock.time - 1_000 * Math.max(0, answered - clock.asked))
  return time - 1_000 * Math.max(0, answered - at) - setForward
}
