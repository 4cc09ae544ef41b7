import { ServerError, channels } from '@cache/core'
import { emit, sleepUnlessAborted } from '@cache/core/internal'
import type { Partition, WriteId } from '../partitions.js'
import { measurePartitionScript } from '../scripts.js'
import type { QueuedWrite } from '../write-format.js'
import { Backlog, type BufferedWrite, type IdBacklog } from './backlog.js'
import type { DatabaseHealth } from './database-health.js'
import { FlushAnswerError, coalesce, parseFailures, type PendingWrite } from './flush.js'
import { FlushCaller } from './flush-caller.js'
import { OwnedQueue, type FlushedWrites } from './owned-queue.js'
import { ANOTHER_OWNER, type Ownership } from './ownership.js'
import type { ProcessingOptions } from './processing-options.js'
import { StreamReader } from './stream-reader.js'
import type { UnconfirmedWrites } from './unconfirmed-writes.js'

/** What one id contributes to a batch. */
interface BatchPart<T, Id> {
  readonly backlog: IdBacklog<T, Id>
  /** The queued writes that are flushed, in the order of their sequences. */
  readonly queued: readonly QueuedWrite<T, Id>[]
  /** The same writes for `flush`: all in one, or each by itself. */
  readonly writes: readonly PendingWrite<T, Id>[]
}

/**
 * How sure it is that the writes of an id are at fault for a failed attempt.
 *
 * - `'named'`: the database refused these writes.
 * - `'alone'`: nothing else was in the batch. The database may still be at fault, because it is
 *   out.
 * - `'unknown'`: other ids in the batch may be at fault.
 */
type Blame = 'named' | 'alone' | 'unknown'

/**
 * Processes the queue of one partition while a worker owns it: reads writes, flushes them, and
 * removes them from the queue.
 */
export class PartitionProcessor<T, Id extends WriteId> {
  readonly partition: Partition
  /** Resolves when the processing has ended. A `flush` that was given up may still be running. */
  readonly ended: Promise<void>
  readonly #ownership: Ownership
  readonly #options: ProcessingOptions<T, Id>
  readonly #health: DatabaseHealth
  readonly #unconfirmed: UnconfirmedWrites
  readonly #backlog: Backlog<T, Id>
  readonly #queue: OwnedQueue<T, Id>
  readonly #reader: StreamReader<T, Id>
  readonly #caller: FlushCaller<T, Id>
  readonly #stopping = new AbortController()
  readonly #lost = new AbortController()
  /**
   * The maximum number of ids in a batch. It is halved while batches fail, so that the ids at fault
   * are found.
   */
  #maxIds: number

  constructor(
    ownership: Ownership,
    health: DatabaseHealth,
    unconfirmed: UnconfirmedWrites,
    options: ProcessingOptions<T, Id>,
  ) {
    const { partition, token, fence } = ownership
    const { client, prefix, format, flush, flushTimeout, batchSize } = options
    const lost = this.#lost.signal
    this.partition = partition
    this.#ownership = ownership
    this.#options = options
    this.#health = health
    this.#unconfirmed = unconfirmed
    this.#maxIds = batchSize
    const backlog = new Backlog<T, Id>(Math.max(BUFFERED_BATCHES * batchSize, MIN_BUFFERED_WRITES))
    const queue = new OwnedQueue<T, Id>({ client, partition, token, lost })
    this.#backlog = backlog
    this.#queue = queue
    this.#reader = new StreamReader({
      client,
      partition,
      token,
      format,
      backlog,
      queue,
      batchSize,
    })
    this.#caller = new FlushCaller({
      prefix,
      flush,
      flushTimeout,
      fence,
      partition: partition.index,
      lost,
    })
    this.ended = this.#run()
  }

  /** Resolves when no call of `flush` is running, or the last one has used up its time. */
  get flushEnded(): Promise<unknown> {
    return this.#caller.ended
  }

  /** Stops after the batch that is being flushed. */
  stop(): void {
    this.#stopping.abort()
  }

  /**
   * Stops because another worker may own the partition. Aborts the signal of a running `flush`, and
   * does not record its outcome.
   */
  lose(reason: string): void {
    this.#stopping.abort()
    this.#lost.abort(new Error(reason))
  }

  async #run(): Promise<void> {
    const { client, batchSize, linger } = this.#options
    const { stream, owner, deadLetters } = this.partition
    while (!this.#stopping.signal.aborted) {
      try {
        let read = await this.#read()
        if (read > 0 && read < batchSize && this.#backlog.size < batchSize) {
          await this.#sleep(linger)
          read += await this.#read()
        }
        const ready = this.#backlog.ready(performance.now(), this.#maxIds)
        if (ready.length > 0) await this.#flush(ready)
        else if (read === 0)
          await this.#sleep(Math.min(IDLE_PAUSE, this.#backlog.timeToNext(performance.now()) + 1))
      } catch (error) {
        emit(channels.error, () => ({ operation: 'write-behind', key: stream, error }))
        // A stream of another type is deleted by any script that declares its type.
        if (error instanceof ServerError && error.code === 'WRONGTYPE')
          await client
            .run(measurePartitionScript, [stream, owner, deadLetters], [])
            .catch(() => undefined)
        await this.#sleep(IDLE_PAUSE)
      }
    }
    for (const id of this.#backlog.ids) this.#health.forget(id)
  }

  async #read(): Promise<number> {
    const read = await this.#reader.read()
    if (read !== 'lost') return read
    this.#ownership.lose(ANOTHER_OWNER)
    return 0
  }

  async #flush(ready: readonly IdBacklog<T, Id>[]): Promise<void> {
    const parts: BatchPart<T, Id>[] = []
    let count = 0
    for (const backlog of ready) {
      const [first] = backlog.writes
      if (first && 'error' in first) {
        await this.#deadLetter(backlog, [first], first.error, 0)
        continue
      }
      const part = this.#batchPart(backlog, this.#unconfirmed.max - count)
      parts.push(part)
      count += part.queued.length
      if (count === this.#unconfirmed.max) break
    }
    if (parts.length === 0 || !(await this.#unconfirmed.add(count, this.#stopping.signal))) return
    try {
      await this.#flushParts(parts)
    } finally {
      // A flush that was given up may still reach the database.
      void this.#caller.ended.then(() => this.#unconfirmed.remove(count))
    }
  }

  async #flushParts(parts: readonly BatchPart<T, Id>[]): Promise<void> {
    const batch = parts.flatMap(({ writes }) => writes)
    let refused: Map<number, unknown>
    try {
      refused = parseFailures(batch, await this.#caller.call(batch))
    } catch (error) {
      if (!this.#lost.signal.aborted) await this.#batchFailed(parts, error)
      return
    }
    this.#maxIds = Math.min(this.#options.batchSize, 2 * this.#maxIds)
    await this.#removeFlushed(parts, refused)
    if (refused.size === 0) return
    for (const { backlog, queued, writes } of parts) {
      const failed = writes.find(({ sequence }) => refused.has(sequence))
      if (!failed) continue
      const before = acceptedCount(writes, refused)
      const failedWrites = queued.slice(before, before + failed.count)
      await this.#attemptFailed(backlog, failedWrites, refused.get(failed.sequence), 'named')
    }
  }

  /**
   * Returns the writes of an id that are flushed now, at most `max`: all buffered ones up to the
   * first that cannot be decoded, or a single one if its attempts are used up.
   */
  #batchPart(backlog: IdBacklog<T, Id>, max: number): BatchPart<T, Id> {
    const { writes, exhaustedUpTo } = backlog
    const most = writes[0]!.sequence <= exhaustedUpTo ? 1 : Math.min(max, writes.length)
    const queued: QueuedWrite<T, Id>[] = []
    for (let i = 0; i < most; i++) {
      const write = writes[i]!
      if ('error' in write) break
      queued.push(write)
    }
    return {
      backlog,
      queued,
      writes: this.#options.coalesce
        ? [coalesce(queued)]
        : queued.map((write) => coalesce([write])),
    }
  }

  /**
   * Removes flushed writes from the queue. The writes of an id after a refused one are not removed:
   * they are flushed again after it, so that they reach the database in order.
   */
  async #removeFlushed(
    parts: readonly BatchPart<T, Id>[],
    refused: ReadonlyMap<number, unknown>,
  ): Promise<void> {
    const flushed: FlushedWrites<T, Id>[] = []
    for (const { queued, writes } of parts) {
      const count = acceptedCount(writes, refused)
      if (count > 0) flushed.push(count === queued.length ? queued : queued.slice(0, count))
    }
    if (flushed.length === 0) return
    if (!(await this.#queue.removeFlushed(flushed))) return this.#ownership.lose(ANOTHER_OWNER)
    for (const { backlog, writes } of parts) {
      const count = acceptedCount(writes, refused)
      if (count === 0) continue
      this.#health.recordSuccess(backlog.id)
      backlog.failures = 0
      backlog.suspicions = 0
      this.#backlog.remove(backlog, count)
    }
  }

  async #batchFailed(parts: readonly BatchPart<T, Id>[], error: unknown): Promise<void> {
    const blame: Blame =
      error instanceof FlushAnswerError ? 'named' : parts.length === 1 ? 'alone' : 'unknown'
    if (blame === 'unknown')
      this.#maxIds = Math.max(1, Math.floor(Math.min(this.#maxIds, parts.length) / 2))
    for (const { backlog, queued } of parts)
      await this.#attemptFailed(backlog, queued, error, blame)
  }

  /** Handles a failed attempt with some writes of an id. */
  async #attemptFailed(
    backlog: IdBacklog<T, Id>,
    writes: readonly QueuedWrite<T, Id>[],
    error: unknown,
    blame: Blame,
  ): Promise<void> {
    const { retry } = this.#options
    const key = this.partition.entry(backlog.id)
    emit(channels.error, () => ({ operation: 'flush', key, error }))
    const isSuspect = this.#health.recordFailure(backlog.id, backlog.successesAtLastAttempt)
    const isBlamed = blame === 'named' || (blame === 'alone' && isSuspect)
    if (isSuspect && blame === 'unknown') backlog.suspicions++
    backlog.successesAtLastAttempt = this.#health.successes
    backlog.failures++
    backlog.retryAt = performance.now() + retry.delay(backlog.failures)
    if (!isBlamed) return
    const lastSequence = writes.at(-1)!.sequence
    if (lastSequence <= backlog.exhaustedUpTo)
      return this.#giveUp(backlog, writes, error, retry.attempts)
    const attempts = await this.#queue.countFailure(backlog.id)
    if (attempts === undefined) return this.#ownership.lose(ANOTHER_OWNER)
    if (attempts < retry.attempts) return
    if (writes.length === 1) return this.#giveUp(backlog, writes, error, attempts)
    backlog.exhaustedUpTo = lastSequence
    backlog.retryAt = 0
  }

  /** Makes writes dead letters. The writes of the id after them are tried at once. */
  async #giveUp(
    backlog: IdBacklog<T, Id>,
    writes: readonly QueuedWrite<T, Id>[],
    error: unknown,
    attempts: number,
  ): Promise<void> {
    backlog.failures = 0
    backlog.suspicions = 0
    backlog.retryAt = 0
    await this.#deadLetter(backlog, writes, error, attempts)
  }

  async #deadLetter(
    backlog: IdBacklog<T, Id>,
    writes: readonly BufferedWrite<T, Id>[],
    error: unknown,
    attempts: number,
  ): Promise<void> {
    for (const write of writes) {
      const isMoved = await this.#queue.moveToDeadLetters(write, error, attempts)
      if (!isMoved) return this.#ownership.lose(ANOTHER_OWNER)
    }
    this.#backlog.remove(backlog, writes.length)
    this.#health.forget(backlog.id)
  }

  #sleep(ms: number): Promise<void> {
    return sleepUnlessAborted(ms, this.#stopping.signal)
  }
}

/** Returns the number of queued writes of an id that come before its first refused write. */
function acceptedCount(
  writes: readonly PendingWrite<unknown, unknown>[],
  refused: ReadonlyMap<number, unknown>,
): number {
  let count = 0
  for (const write of writes) {
    if (refused.has(write.sequence)) break
    count += write.count
  }
  return count
}

/** Milliseconds between two looks at an empty stream. */
const IDLE_PAUSE = 50
/** The number of batches that are buffered while some of their writes wait for another attempt. */
const BUFFERED_BATCHES = 4
/** The number of writes that may be buffered even if batches are small. */
const MIN_BUFFERED_WRITES = 1_000
