import { RecentMap, type ClockReading } from '@cache/core/internal'

/** Remembers, for keys that were not found fresh, the clock before their loads may have begun. */
export class LoadStarts {
  readonly #readings = new RecentMap<readonly ClockReading[]>({
    max: 10_000,
    maxBytes: 4 * 1024 ** 2,
  })

  note(key: string, reading: ClockReading): void {
    const [first, ...later] = this.#readings.get(key) ?? []
    const all = first ? [first, ...later.slice(1 - MOST), reading] : [reading]
    this.#readings.set(key, all, all.length * 64)
  }

  /** Returns the last reading of a key before a load began, and forgets them all. */
  takeBefore(key: string, at: number): ClockReading | undefined {
    const last = this.#readings.get(key)?.findLast(({ answered }) => answered <= at)
    this.#readings.delete(key)
    return last
  }
}

/** How many readings of one key are kept beside the first one. */
const MOST = 3

/** When a load began. */
export interface LoadStart {
  /** By this process' monotonic clock. */
  readonly at: number
  /** The clock of a server before that, if it was read. */
  readonly clock?: ClockReading | undefined
}

/**
 * Returns the time of a server when a load began, at the earliest, in µs. The clocks of the process
 * and of the server need not agree, and the server's clock may have been set meanwhile.
 *
 * Nobody knows when within its round trip a clock was read. If less or more time has passed on the
 * server than that allows, its clock was set, by at most the difference to the other bound.
 *
 * `skew` is by how much the clock that was read before the load may be ahead of this server, in µs.
 */
export function serverTimeAt({ at, clock }: LoadStart, now: ClockReading, skew: number): number {
  const sinceStart = now.time - 1_000 * Math.max(0, now.answered - at)
  if (clock === undefined) return sinceStart
  const passed = now.time - clock.time
  const least = 1_000 * Math.max(0, now.asked - clock.answered)
  const most = 1_000 * (now.answered - clock.asked)
  const setForward = passed > most ? passed - least : 0
  const setBack = passed < least ? most - passed : 0
  return Math.max(sinceStart - setForward, clock.time - setBack - skew)
}
