import { channels, type CacheClient, type Reply } from '@cache/core'
import { emit } from '@cache/core/internal'
import { decode } from './message.js'
import { openLogScript } from './scripts.js'

/**
 * The log of invalidations, a stream in Redis, and the position up to which this process has read
 * it.
 */
export class InvalidationLog {
  readonly #client: CacheClient
  readonly #key: string
  /** `undefined`: the position is not known, and earlier messages are lost. */
  #position: LogPosition | undefined

  constructor(client: CacheClient, key: string) {
    this.#client = client
    this.#key = key
  }

  /**
   * Records the position of a message that was received.
   *
   * @param at Id of the message's entry in the log; `undefined` if the log no longer exists.
   */
  advanceTo(at: string | undefined, messageId: string): void {
    this.#position = at === undefined ? undefined : { at, messageId }
  }

  /**
   * Returns the messages since the last one that was received, or `'unknown'` if the log does not
   * reach back that far. Never rejects. The position stays until `done` is called, so that messages
   * that are not delivered are read again.
   */
  async catchUp(): Promise<CaughtUp> {
    const position = this.#position
    try {
      const read = position && (await this.#readSince(position))
      if (read) return { missed: read.missed, done: () => void (this.#position = read.position) }
    } catch (error) {
      this.#report(error) // the key may have another type; then the log is created anew
    }
    let opened: LogPosition | undefined
    try {
      opened = { at: await this.#client.run(openLogScript, [this.#key], []) }
    } catch (error) {
      this.#report(error)
    }
    return { missed: 'unknown', done: () => void (this.#position = opened) }
  }

  /** Returns `undefined` if the log does not reach back that far, or has too much to read. */
  async #readSince(
    position: LogPosition,
  ): Promise<{ missed: readonly string[]; position: LogPosition } | undefined> {
    const missed: string[] = []
    let length = 0
    let at = position.at
    for (let first = true; ; first = false) {
      const start = first ? at : `(${at}`
      const page = (await this.#client.send({
        args: ['XRANGE', this.#key, start, '+', 'COUNT', String(PAGE_SIZE)],
        keys: [this.#key],
      })) as readonly LogEntry[]
      if (first && !(page[0] && isAtPosition(page[0], position))) return undefined
      for (const [, fields] of first ? page.slice(1) : page) {
        const payload = payloadOf(fields)
        length += payload.length
        missed.push(payload)
      }
      if (length > MAX_MISSED_LENGTH) return undefined
      at = page.at(-1)?.[0] ?? at
      if (page.length < PAGE_SIZE) break
    }
    return { missed, position: { at } }
  }

  #report(error: unknown): void {
    emit(channels.error, () => ({
      operation: 'catch up with invalidations',
      key: this.#key,
      error,
    }))
  }
}

export interface CaughtUp {
  readonly missed: readonly string[] | 'unknown'
  /** Moves the position behind the missed messages. Call it once they have been delivered. */
  done(): void
}

/** Number of log entries that are read at once. */
const PAGE_SIZE = 100
/**
 * Maximum number of characters of missed messages. With more, near caches are emptied instead,
 * which is cheaper.
 */
const MAX_MISSED_LENGTH = 8 * 1024 * 1024

interface LogPosition {
  /** Id of an entry of the log. */
  readonly at: string
  /** Id of the message that named this position. Missing: the log itself did. */
  readonly messageId?: string
}

type LogEntry = readonly [at: string, fields: readonly Reply[]]

/**
 * Whether a log entry is the message that named the position. A forged message may name the
 * position of another one.
 */
function isAtPosition([at, fields]: LogEntry, position: LogPosition): boolean {
  if (at !== position.at) return false
  if (position.messageId === undefined) return true
  const decoded = decode(payloadOf(fields))
  return typeof decoded === 'object' && decoded.id !== '' && decoded.id === position.messageId
}

function payloadOf(fields: readonly Reply[]): string {
  const index = fields.indexOf('m')
  return index < 0 ? '' : String(fields[index + 1])
}
