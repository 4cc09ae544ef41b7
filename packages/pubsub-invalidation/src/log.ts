import { channels, type CacheClient, type Reply } from '@cache/core'
import { emit } from '@cache/core/internal'
import { decode } from './message.js'
import { openLogScript } from './scripts.js'

type LogEntry = readonly [at: string, fields: readonly Reply[]]

/** The log of invalidations, a stream in Redis, and how far this process knows it. */
export class Log {
  readonly #client: CacheClient
  readonly #key: string
  /** `undefined`: not known, what came before is lost. */
  #place: Place | undefined

  constructor(client: CacheClient, key: string) {
    this.#client = client
    this.#key = key
  }

  /**
   * A message has come that says it is at this place of the log; at none if there is no log any
   * more.
   */
  passed(at: string | undefined, id: string): void {
    this.#place = at === undefined ? undefined : { at, id }
  }

  /**
   * What was said since the last message that came; `'unknown'` where the log does not reach back
   * so far. Never rejects.
   */
  async catchUp(): Promise<readonly string[] | 'unknown'> {
    const since = this.#place
    try {
      if (since !== undefined) {
        const missed = await this.#since(since)
        if (missed) return missed
      }
    } catch (error) {
      this.#report(error) // of another type, maybe: then it is made anew
    }
    try {
      this.#place = { at: await this.#client.run(openLogScript, [this.#key], []) }
    } catch (error) {
      this.#place = undefined
      this.#report(error)
    }
    return 'unknown'
  }

  /**
   * `undefined` where the log does not reach back so far, or says too much to listen to all of it.
   */
  async #since(since: Place): Promise<readonly string[] | undefined> {
    const missed: string[] = []
    let length = 0
    let at = since.at
    for (let first = true; ; first = false) {
      const from = first ? at : `(${at}`
      const page = (await this.#client.send({
        args: ['XRANGE', this.#key, from, '+', 'COUNT', String(PAGE)],
        keys: [this.#key],
      })) as readonly LogEntry[]
      if (first && !(page[0] && isAt(page[0], since))) return undefined
      for (const [, fields] of first ? page.slice(1) : page) {
        const said = message(fields)
        length += said.length
        missed.push(said)
      }
      if (length > MOST_MISSED_LENGTH) return undefined
      at = page.at(-1)?.[0] ?? at
      if (page.length < PAGE) break
    }
    this.#place = { at }
    return missed
  }

  #report(error: unknown): void {
    emit(channels.error, () => ({
      operation: 'catch up with invalidations',
      key: this.#key,
      error,
    }))
  }
}

/** Entries of the log that are read at once. */
const PAGE = 100
/**
 * Characters of messages that are caught up with. With more, near caches empty themselves, which is
 * cheaper.
 */
const MOST_MISSED_LENGTH = 8 * 1024 * 1024

interface Place {
  readonly at: string
  /** Of the message that said so. Missing: the log itself did. */
  readonly id?: string
}

/**
 * Whether what the log has there is the message that came: any other only claimed to be at this
 * place.
 */
function isAt([at, fields]: LogEntry, place: Place): boolean {
  if (at !== place.at) return false
  if (place.id === undefined) return true
  const read = decode(message(fields))
  return typeof read === 'object' && read.id !== '' && read.id === place.id
}

function message(fields: readonly Reply[]): string {
  const name = fields.indexOf('m')
  return name < 0 ? '' : String(fields[name + 1])
}
