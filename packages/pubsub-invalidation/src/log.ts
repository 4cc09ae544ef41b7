import { channels, tell, type CacheClient, type Reply } from '@cache/core'
import { openLogScript } from './scripts.js'

/** The log of invalidations, a stream in Redis, and how far this process knows it. */
export class Log {
  readonly #client: CacheClient
  readonly #key: string
  /** `undefined`: not known, what came before is lost. */
  #place: string | undefined

  constructor(client: CacheClient, key: string) {
    this.#client = client
    this.#key = key
  }

  /** A message has come, from this place; from none if there is no log any more. */
  passed(at: string | undefined): void {
    this.#place = at
  }

  /** What was said since the last message that came; `'unknown'` where the log does not reach back so far. Never rejects. */
  async catchUp(): Promise<readonly string[] | 'unknown'> {
    const since = this.#place
    try {
      if (since !== undefined) {
        const entries = (await this.#client.send({ args: ['XRANGE', this.#key, since, '+'], keys: [this.#key] })) as readonly (readonly [string, readonly string[]])[]
        if (entries[0]?.[0] === since) {
          this.#place = later(this.#place, entries.at(-1)![0])
          return entries.slice(1).map(([, fields]) => message(fields))
        }
      }
      this.#place = await this.#client.run(openLogScript, [this.#key], [])
    } catch (error) {
      this.#place = undefined
      tell(channels.error, () => ({ operation: 'catch up with invalidations', key: this.#key, error }))
    }
    return 'unknown'
  }
}

/** The later of two places, `ms-count`; a message may have come while the log was read. */
function later(a: string | undefined, b: string): string {
  if (a === undefined) return b
  const [aMs = 0, aCount = 0] = a.split('-').map(Number)
  const [bMs = 0, bCount = 0] = b.split('-').map(Number)
  return aMs > bMs || (aMs === bMs && aCount > bCount) ? a : b
}

function message(fields: readonly Reply[]): string {
  return String(fields[fields.indexOf('m') + 1] ?? '')
}
