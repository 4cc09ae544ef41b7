import { CacheError, InvalidOptionError, type CacheClient, type Format } from '@cache/core'
import type { Partition, Partitions, WriteId } from './partitions.js'
import { headOf, recordOf, type StreamEntry } from './records.js'
import { discardScript, replayScript } from './scripts.js'

/** A write that could not be flushed. */
export interface DeadLetter<T, Id> {
  /** For `replay` and `discard`. */
  readonly letter: string
  readonly id: Id
  readonly kind: 'write' | 'delete'
  /** `null`: the row was to be removed. `undefined`: it can't be read. */
  readonly value: T | null | undefined
  readonly sequence: number
  readonly error: string
  readonly attempts: number
  /** When it was given up, by the server's clock. */
  readonly at: Date
}

export interface DeadLetters<T, Id extends WriteId> {
  /** The oldest of each partition; at most `limit` (default 100) together. */
  list(options?: { readonly limit?: number }): Promise<DeadLetter<T, Id>[]>
  /** Back into the queue, with the sequence it had. `false`: there is no such letter. */
  replay(letter: string): Promise<boolean>
  /** Forgets it. `false`: there is no such letter. */
  discard(letter: string): Promise<boolean>
}

export function createDeadLetters<T, Id extends WriteId>(client: CacheClient, partitions: Partitions, format: Format<T>): DeadLetters<T, Id> {
  return {
    async list({ limit = 100 } = {}) {
      if (!(Number.isSafeInteger(limit) && limit > 0)) throw new InvalidOptionError('limit', 'a whole number of at least 1', limit)
      const found = await Promise.all(partitions.all.map(async (partition) => {
        const entries = (await client.send({ args: ['XRANGE', partition.dead, '-', '+', 'COUNT', String(limit)], keys: [partition.dead], binary: true })) as unknown as readonly StreamEntry[]
        return Promise.all(entries.map((entry) => letterOf<T, Id>(partition, entry, format)))
      }))
      return found.flat().slice(0, limit)
    },

    async replay(letter) {
      const { partition, place } = placeOf(letter)
      return client.run(replayScript, [partition.dead, partition.stream, partition.settled], [place])
    },

    async discard(letter) {
      const { partition, place } = placeOf(letter)
      return client.run(discardScript, [partition.dead, partition.settled], [place])
    },
  }

  function placeOf(letter: string): { readonly partition: Partition; readonly place: string } {
    const [, index, place] = /^(\d+):(\d+-\d+)$/.exec(String(letter)) ?? []
    const partition = partitions.all[Number(index)]
    if (!partition || !place) throw new CacheError(`There is no dead letter of the name ${JSON.stringify(letter)}: take the names from list().`, { code: 'DEAD_LETTER' })
    return { partition, place }
  }
}

async function letterOf<T, Id>({ index }: Partition, entry: StreamEntry, format: Format<T>): Promise<DeadLetter<T, Id>> {
  const head = headOf(entry)
  const { place, field, sequence, more } = head
  const write = await (async () => recordOf<T, Id>(head, format))().catch(() => undefined) // perhaps just that is why it is here
  return {
    letter: `${index}:${place}`,
    id: write?.id ?? (field as Id),
    kind: more.kind === undefined ? 'write' : 'delete',
    value: write?.value,
    sequence,
    error: String(more.error),
    attempts: Number(more.attempts),
    at: new Date(Number(more.at)),
  }
}
