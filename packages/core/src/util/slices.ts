import { setImmediate } from 'node:timers/promises'

/**
 * Divides long work into slices of a few ms. Between two slices, the event loop serves timers,
 * sockets and other callers. Short work is never interrupted.
 *
 * @example
 * const slices = new Slices()
 * for (const item of items) {
 *   if (slices.over) await slices.next()
 *   process(item)
 * }
 */
export class Slices {
  #startedAt = performance.now()
  #items = 0

  /**
   * Whether the event loop has waited long enough for this slice. Ask before each item: the clock
   * is read for every eighth.
   */
  get over(): boolean {
    return ++this.#items % 8 === 0 && performance.now() - this.#startedAt >= SLICE_LENGTH
  }

  /** Begins the next slice after one turn of the event loop. */
  async next(): Promise<void> {
    await setImmediate()
    this.#startedAt = performance.now()
  }
}

/** The length of a slice in ms. */
const SLICE_LENGTH = 10
