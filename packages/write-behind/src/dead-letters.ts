import { CacheError, InvalidOptionError, type CacheClient } from '@cache/core'
import { companion } from '@cache/core/internal'
import type { Partition, Partitions, WriteId } from './partitions.js'
import { storedWrite, type Records, type StoredWrite } from './records.js'
import { discardScript, listScript, replayScript } from './scripts.js'
import type { Sessions } from './sessions.js'

/** A write that could not be flushed. */
export interface DeadLetter<T, Id> {
  /** The name of the letter, for `replay` and `discard`. */
  readonly letter: string
  readonly id: Id
  readonly kind: 'write' | 'delete'
  /** `null`: the row was to be removed. `undefined`: it can't be read. */
  readonly value: T | null | undefined
  /** What `write` was given, where it was merged and can be read. */
  readonly patch: unknown
  readonly sequence: number
  readonly error: string
  readonly attempts: number
  /** When it was given up, by the server's clock. */
  readonly at: Date
}

/**
 * The writes that could not be flushed: nothing acknowledged is dropped, it is kept here until
 * somebody decides.
 */
export interface DeadLetters<T, Id extends WriteId> {
  /** Those with the lowest sequences of each partition; at most `limit` (default 100) together. */
  list(options?: { readonly limit?: number }): Promise<DeadLetter<T, Id>[]>
  /**
   * Puts a letter back into the queue, with the sequence it had. It is done at most once, however
   * often a Redis client sends it. If nothing newer of its id waits or was flushed since, it is
   * pending
   * again, and reads answer with it. Resolves to `false` if there is no such letter.
   */
  replay(letter: string): Promise<boolean>
  /** Forgets a letter. Resolves to `false` if there is no such letter. */
  discard(letter: string): Promise<boolean>
}

interface Dependencies<T> {
  readonly client: CacheClient
  readonly partitions: Partitions
  readonly records: Records<T>
  readonly sessions: Sessions
}

export function createDeadLetters<T, Id extends WriteId>({
  client,
  partitions,
  records,
  sessions,
}: Dependencies<T>): DeadLetters<T, Id> {
  return {
    async list({ limit = 100 } = {}) {
      if (!(Number.isSafeInteger(limit) && limit > 0))
        throw new InvalidOptionError('limit', 'a whole number of at least 1', limit)
      const found = await Promise.all(
        partitions.all.map(async (partition) => {
          const letters = await lettersOf(partition, '-inf', '+inf', limit)
          return Promise.all(letters.map((letter) => letterOf<T, Id>(partition, letter, records)))
        }),
      )
      return found.flat().slice(0, limit)
    },

    async replay(letter) {
      const { partition, sequence } = addressOf(letter)
      const [found] = await lettersOf(partition, sequence, sequence, 1)
      if (!found) return false
      const { dead, buried, stream, pending, replayed } = partition
      const entry = partition.entry(found.field)
      return isDone(
        await sessions.attempt(partition, entry, async ({ session, args }) => {
          const beside = [
            companion(entry, 'lease'),
            dead,
            buried,
            stream,
            pending,
            replayed,
            session,
          ]
          return (
            await client.entries.change(replayScript, [entry], [...args, sequence], beside)
          )[0]!
        }),
      )
    },

    async discard(letter) {
      const { partition, sequence } = addressOf(letter)
      const { dead, buried } = partition
      return isDone(
        await sessions.attempt(partition, dead, ({ session, args }) =>
          client.run(discardScript, [dead, buried, session], [...args, sequence]),
        ),
      )
    },
  }

  async function lettersOf(
    partition: Partition,
    from: string,
    to: string,
    limit: number,
  ): Promise<StoredWrite[]> {
    const letters = await client.run(listScript, [partition.dead], [from, to, String(limit)])
    return letters.flatMap((fields) => storedWrite(partition, [NO_POSITION, fields]) ?? [])
  }

  function addressOf(letter: string): { readonly partition: Partition; readonly sequence: string } {
    const [, index, sequence] = /^(\d+):(\d+)$/.exec(String(letter)) ?? []
    const partition = partitions.all[Number(index)]
    if (!partition || !sequence)
      throw new CacheError(`There is no dead letter of this name: take the names from list().`, {
        code: 'DEAD_LETTER',
      })
    return { partition, sequence }
  }
}

/** Of a letter: there was one. */
function isDone(outcome: string): boolean {
  return outcome === 'done'
}

/** A dead letter has none, but a sequence of its own. */
const NO_POSITION = Buffer.from('')

async function letterOf<T, Id>(
  partition: Partition,
  stored: StoredWrite,
  records: Records<T>,
): Promise<DeadLetter<T, Id>> {
  const write = await records.decode<Id>(partition, stored)
  const readable = 'error' in write ? undefined : write // perhaps just that is why it is here
  const { field, sequence, kind, isNumber, more } = stored
  return {
    letter: `${partition.index}:${sequence}`,
    id: (isNumber ? Number(field) : field) as Id,
    kind,
    value: readable?.value,
    patch: readable?.patch,
    sequence,
    error: String(more.error),
    attempts: Number(more.attempts),
    at: new Date(Number(more.at)),
  }
}
