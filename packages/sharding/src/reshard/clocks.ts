import { CacheError, type Command, type Reply } from '@cache/core'
import type { Shard } from '../shard.js'

/** What the clocks of servers show. */
export class Clocks {
  readonly #timeout: number
  readonly #read = new Map<Shard, { readonly at: number; readonly time: number }>()

  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** By now at least, in ms. */
  async of(shard: Shard): Promise<number | CacheError> {
    let clock = this.#read.get(shard)
    if (!clock || performance.now() - clock.at > CLOCK_LIFE) {
      const [reply] = await sendTo(shard, [{ args: ['TIME'], keys: [] }], this.#timeout)
      if (reply instanceof CacheError) return reply
      const [seconds, microseconds] = reply as readonly [string, string]
      clock = { at: performance.now(), time: Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000) }
      this.#read.set(shard, clock)
    }
    return Math.floor(clock.time + performance.now() - clock.at)
  }
}

/** Never rejects. */
export async function sendTo(shard: Shard, commands: readonly Command[], timeout: number): Promise<readonly (Reply | CacheError)[]> {
  if (commands.length === 0) return []
  return shard.send(commands, timeout).catch((cause: unknown) => {
    const error = new CacheError(`The driver of shard "${shard.name}" threw instead of answering.`, { code: 'DRIVER', cause })
    return commands.map(() => error)
  })
}

const CLOCK_LIFE = 10_000
