import { CacheError } from '@cache/core'
import type { Shard } from '../shard.js'

/** Reads the clocks of shards, and extrapolates them for a while. */
export class ServerClocks {
  readonly #timeout: number
  readonly #readings = new Map<Shard, { readonly readAt: number; readonly time: number }>()

  /** @param timeout Ms that a shard has to answer. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /**
   * Returns the time of a shard's clock in ms, or the error if the shard did not answer. The clock
   * shows at least this time now.
   */
  async now(shard: Shard): Promise<number | CacheError> {
    let reading = this.#readings.get(shard)
    if (!reading || performance.now() - reading.readAt > READING_LIFETIME) {
      const reply = await shard.send([{ args: ['TIME'], keys: [] }], this.#timeout)[0]!
      if (reply instanceof CacheError) return reply
      const [seconds, microseconds] = reply as readonly [string, string]
      reading = {
        readAt: performance.now(),
        time: Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000),
      }
      this.#readings.set(shard, reading)
    }
    return Math.floor(reading.time + performance.now() - reading.readAt)
  }

  /** Reads the shard's clock again at the next call of `now`, because it may have been set. */
  forget(shard: Shard): void {
    this.#readings.delete(shard)
  }
}

/** Ms for which a reading is extrapolated. */
const READING_LIFETIME = 10_000
