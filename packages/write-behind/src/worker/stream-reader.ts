import type { CacheClient } from '@cache/core'
import type { Partition, WriteId } from '../partitions.js'
import { parseWrite, type StreamEntry, type WriteFormat } from '../write-format.js'
import type { Backlog } from './backlog.js'
import type { OwnedQueue } from './owned-queue.js'

interface Dependencies<T, Id extends WriteId> {
  readonly client: CacheClient
  readonly partition: Partition
  /** The token with which the worker owns the partition. */
  readonly token: string
  readonly format: WriteFormat<T>
  readonly backlog: Backlog<T, Id>
  readonly queue: OwnedQueue<T, Id>
  /** The maximum number of entries that are read at a time. */
  readonly batchSize: number
}

/**
 * Reads the stream of a partition into the backlog.
 *
 * The stream holds only writes that the database has not confirmed. The reader goes from its start
 * to its end and then starts again, skipping the writes that are buffered already. So it also reads
 * a stream that was replaced by an older one, after a restart or a failover of Redis.
 */
export class StreamReader<T, Id extends WriteId> {
  readonly #dependencies: Dependencies<T, Id>
  /** The start of the next range to read. */
  #cursor = STREAM_START
  #restartedAt = 0

  constructor(dependencies: Dependencies<T, Id>) {
    this.#dependencies = dependencies
  }

  /**
   * Reads on, as far as the backlog has room. Resolves to the number of entries that were read, or
   * to `'lost'` if the partition has another owner.
   */
  async read(): Promise<number | 'lost'> {
    const { client, partition, token, format, backlog, queue, batchSize } = this.#dependencies
    const { owner, stream } = partition
    if (backlog.size === 0 && !backlog.needsReread) this.#restart()
    const room = backlog.makeRoom(batchSize)
    if (room <= 0) return 0
    // These are two commands because a script would have to pass every write through Lua. A worker
    // that loses the partition between the two learns of it when it removes what it has flushed.
    const [ownerToken, entries] = await Promise.all([
      client.send({ args: ['GET', owner], keys: [owner] }),
      client.send({
        args: ['XRANGE', stream, this.#cursor, '+', 'COUNT', String(room)],
        keys: [stream],
        binary: true,
      }) as Promise<readonly StreamEntry[]>,
    ])
    if (ownerToken !== token) return 'lost'
    let added = 0
    const foreignPositions: string[] = []
    for (const entry of entries) {
      const stored = parseWrite(partition, entry)
      if (!stored) {
        foreignPositions.push(entry[0].toString('latin1'))
        continue
      }
      if (!backlog.accepts(stored)) continue
      const write = format.decode<Id>(stored)
      backlog.add(write instanceof Promise ? await write : write)
      added++
    }
    const last = entries.at(-1)
    if (last) this.#cursor = `(${last[0].toString('latin1')}`
    if (foreignPositions.length > 0) await queue.removeForeign(foreignPositions)
    const isAtEnd = entries.length < room
    const isDue = performance.now() - this.#restartedAt > RESTART_INTERVAL
    if (isAtEnd && (backlog.needsReread || isDue)) this.#restart()
    return isAtEnd ? added : entries.length
  }

  #restart(): void {
    this.#dependencies.backlog.restart()
    this.#cursor = STREAM_START
    this.#restartedAt = performance.now()
  }
}

const STREAM_START = '-'
/** Milliseconds after which a stream is read from its start again while writes are buffered. */
const RESTART_INTERVAL = 1_000
