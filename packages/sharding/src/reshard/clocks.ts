import { CacheError } from '@cache/core'
import type { Shard } from '../shard.js'
import { sendTo } from './sending.js'

/** What the clocks of servers show. */
export class Clocks {
  readonly #timeout: number
  readonly #read = new Map<Shard, { readonly at: number; readonly time: number }>()

  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** It may have been set. */
  forget(shard: Shard): void {
    this.#read.delete(shard)
  }

  /** By now at least, in ms. */
  async of(shard: Shard): Promise<number | CacheError> {
    let clock = this.#read.get(shard)
    if (!clock || performance.now() - clock.at > CLOCK_LIFE) {
      const [reply] = await sendTo(shard, [{ args: ['TIME'], keys: [] }], this.#timeout)
      if (reply instanceof CacheError) return reply
      const [seconds, microseconds] = reply as readonly [string, string]
      clock = {
        at: performance.now(),
        time: Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000),
      }
      this.#read.set(shard, clock)
    }
    return Math.floor(clock.time + performance.now() - clock.at)
  }
}

const CLOCK_LIFE = 10_000
