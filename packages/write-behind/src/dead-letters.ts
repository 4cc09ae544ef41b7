import { CacheError, InvalidOptionError, type CacheClient } from '@cache/core'
import { companion } from '@cache/core/internal'
import type { Partition, Partitions, WriteId } from './partitions.js'
import {
  discardDeadLetterScript,
  listDeadLettersScript,
  replayDeadLetterScript,
} from './scripts.js'
import type { Sessions } from './sessions.js'
import { parseWrite, type StoredWrite, type WriteFormat } from './write-format.js'

/** A write that could not be flushed. */
export interface DeadLetter<T, Id> {
  /** The name of the dead letter, for `replay` and `discard`. */
  readonly letter: string
  readonly id: Id
  readonly kind: 'write' | 'delete'
  /** `null` if the row was to be removed. `undefined` if the value can't be read. */
  readonly value: T | null | undefined
  /** The patch that was passed to `update`, if the write was merged and the patch can be read. */
  readonly patch: unknown
  readonly sequence: number
  /** The name and message of the error of the last attempt. */
  readonly error: string
  readonly attempts: number
  /** When it became a dead letter, by the server's clock. */
  readonly at: Date
}

/**
 * The writes that could not be flushed. An acknowledged write is never dropped: it stays here until
 * you replay or discard it.
 */
export interface DeadLetters<T, Id extends WriteId> {
  /**
   * Returns the dead letters with the lowest sequences of each partition, and at most `limit`
   * (default 100) in total.
   */
  list(options?: { readonly limit?: number }): Promise<DeadLetter<T, Id>[]>
  /**
   * Puts a dead letter back into the queue with the sequence it had. Resolves to `false` if there
   * is no such dead letter.
   *
   * It is replayed at most once, however often a Redis client sends the request. If no newer write
   * of its id is pending or was flushed since, it becomes pending again, and reads return its
   * value.
   */
  replay(letter: string): Promise<boolean>
  /** Deletes a dead letter. Resolves to `false` if there is no such dead letter. */
  discard(letter: string): Promise<boolean>
}

interface Dependencies<T> {
  readonly client: CacheClient
  readonly partitions: Partitions
  readonly format: WriteFormat<T>
  readonly sessions: Sessions
}

export function createDeadLetters<T, Id extends WriteId>({
  client,
  partitions,
  format,
  sessions,
}: Dependencies<T>): DeadLetters<T, Id> {
  return {
    async list({ limit = 100 } = {}) {
      if (!(Number.isSafeInteger(limit) && limit > 0))
        throw new InvalidOptionError('limit', 'a whole number of at least 1', limit)
      const byPartition = await Promise.all(
        partitions.all.map(async (partition) => {
          const letters = await readLetters(partition, '-inf', '+inf', limit)
          return Promise.all(
            letters.map((stored) => decodeLetter<T, Id>(partition, stored, format)),
          )
        }),
      )
      return byPartition.flat().slice(0, limit)
    },

    async replay(letter) {
      const { partition, sequence } = parseName(letter)
      const [stored] = await readLetters(partition, sequence, sequence, 1)
      if (!stored) return false
      const { deadLetters, deadLetterState, stream, pending, replayed } = partition
      const entry = partition.entry(stored.field)
      const outcome = await sessions.attempt(partition, entry, async ({ session, args }) => {
        const otherKeys = [
          companion(entry, 'lease'),
          deadLetters,
          deadLetterState,
          stream,
          pending,
          replayed,
          session,
        ]
        const outcomes = await client.entries.change(
          replayDeadLetterScript,
          [entry],
          [...args, sequence],
          otherKeys,
        )
        return outcomes[0]!
      })
      return outcome === 'done'
    },

    async discard(letter) {
      const { partition, sequence } = parseName(letter)
      const { deadLetters, deadLetterState } = partition
      const outcome = await sessions.attempt(partition, deadLetters, ({ session, args }) =>
        client.run(
          discardDeadLetterScript,
          [deadLetters, deadLetterState, session],
          [...args, sequence],
        ),
      )
      return outcome === 'done'
    },
  }

  /** Reads the dead letters whose sequences are in a range. */
  async function readLetters(
    partition: Partition,
    from: string,
    to: string,
    limit: number,
  ): Promise<StoredWrite[]> {
    const letters = await client.run(
      listDeadLettersScript,
      [partition.deadLetters],
      [from, to, String(limit)],
    )
    return letters.flatMap((fields) => parseWrite(partition, [NO_POSITION, fields]) ?? [])
  }

  /** Parses the name of a dead letter: the index of its partition, a colon, its sequence. */
  function parseName(letter: string): {
    readonly partition: Partition
    readonly sequence: string
  } {
    const [, index, sequence] = /^(\d+):(\d+)$/.exec(String(letter)) ?? []
    const partition = partitions.all[Number(index)]
    if (!partition || !sequence)
      throw new CacheError('There is no dead letter of this name. Take the names from list().', {
        code: 'DEAD_LETTER',
      })
    return { partition, sequence }
  }
}

/** A dead letter has no position in the stream. Its sequence is among its fields. */
const NO_POSITION = Buffer.from('')

async function decodeLetter<T, Id>(
  partition: Partition,
  stored: StoredWrite,
  format: WriteFormat<T>,
): Promise<DeadLetter<T, Id>> {
  const decoded = await format.decode<Id>(stored)
  // An unreadable write has become a dead letter, perhaps because it is unreadable.
  const write = 'error' in decoded ? undefined : decoded
  const { field, sequence, kind, isNumber, metadata } = stored
  return {
    letter: `${partition.index}:${sequence}`,
    id: (isNumber ? Number(field) : field) as Id,
    kind,
    value: write?.value,
    patch: write?.patch,
    sequence,
    error: String(metadata.error),
    attempts: Number(metadata.attempts),
    at: new Date(Number(metadata.at)),
  }
}
