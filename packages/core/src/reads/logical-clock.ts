/**
 * A logical clock of one process: it gives each arriving call the next number.
 *
 * The numbers are counts, not times. An answer from Redis or the source is valid for every call
 * that arrived before the request for the answer was sent. It is not valid for later calls, because
 * an invalidation may have been acknowledged in between.
 */
export class LogicalClock {
  #now = 0

  /** The number of the latest arrival. */
  get now(): number {
    return this.#now
  }

  /** Counts an arrival and returns its number. */
  tick(): number {
    return ++this.#now
  }
}
