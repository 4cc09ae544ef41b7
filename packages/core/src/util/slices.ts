import { setImmediate } from 'node:timers/promises'

/**
 * Divides long work into slices of a few ms, between which the event loop serves timers, sockets
 * and other callers. Short work is never interrupted.
 *
 * @example
 * const slices = new Slices()
 * for (const one of many) {
 *   if (slices.over) await slices.next()
 *   work(one)
 * }
 */
export class Slices {
  #began = performance.now()

  /** Whether the event loop has waited long enough for this slice. */
  get over(): boolean {
    return performance.now() - this.#began >= SLICE
  }

  /** Begins the next slice, once the event loop has been round. */
  async next(): Promise<void> {
    await setImmediate()
    this.#began = performance.now()
  }
}

/** Ms. */
const SLICE = 10
