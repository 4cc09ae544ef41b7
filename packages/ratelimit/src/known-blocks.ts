import { boundedMap } from './bounded-map.js'
import type { Clock } from './clock.js'

/**
 * The blocks that this process has heard of from Redis. While Redis does not answer, they stay in
 * force, so that an outage frees nobody.
 */
export class KnownBlocks {
  readonly #clock: Clock
  /** When each block ends, in milliseconds of the process' clock. */
  readonly #ends = boundedMap<number>(MAX_IDS)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Remembers what Redis said: the microseconds until the block ends, or 0 without a block. */
  set(key: string, micros: number): void {
    if (micros > 0) this.#ends.set(key, this.#clock.now() + micros / 1_000)
    else if (this.#ends.size > 0) this.#ends.delete(key)
  }

  /** Returns the microseconds until the block ends; 0 if none is known. */
  get(key: string): number {
    const end = this.#ends.get(key)
    return end === undefined ? 0 : Math.max(0, Math.ceil((end - this.#clock.now()) * 1_000))
  }
}

/** The number of ids whose blocks are remembered. */
const MAX_IDS = 10_000
