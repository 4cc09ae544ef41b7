import { CacheError, channels, type CacheClient } from '@cache/core'
import { emit, sleepUnlessAborted } from '@cache/core/internal'
import type { Partition, WriteId } from '../partitions.js'
import { countFailureScript, moveToDeadLettersScript, removeFlushedScript } from '../scripts.js'
import type { QueuedWrite, WriteHead } from '../write-format.js'
import type { BufferedWrite } from './backlog.js'
import { MARK_TTL } from './ownership.js'

/** Writes of one id that were flushed, in the order of their sequences. */
export type FlushedWrites<T, Id> = readonly QueuedWrite<T, Id>[]

interface Dependencies {
  readonly client: CacheClient
  readonly partition: Partition
  /** The token with which the worker owns the partition. */
  readonly token: string
  /** Aborts when the partition is lost. */
  readonly lost: AbortSignal
}

/**
 * Changes the queue of a partition in Redis, on behalf of its owner. A change is repeated until
 * Redis answers or the partition is lost, because a flushed write whose removal is not recorded
 * would be flushed again. A change fails if the partition has another owner.
 */
export class OwnedQueue<T, Id extends WriteId> {
  readonly #client: CacheClient
  readonly #partition: Partition
  readonly #token: string
  readonly #lost: AbortSignal
  /** Numbers the failures that were counted. */
  #failures = 0

  constructor({ client, partition, token, lost }: Dependencies) {
    this.#client = client
    this.#partition = partition
    this.#token = token
    this.#lost = lost
  }

  /** Removes writes that the database has. Resolves to `false` if the partition is lost. */
  async removeFlushed(flushed: readonly FlushedWrites<T, Id>[]): Promise<boolean> {
    const ids: string[] = []
    const sequences: string[] = []
    const positions: string[] = []
    const replayed: string[] = []
    for (const writes of flushed) {
      const last = writes.at(-1)!
      ids.push(last.field)
      sequences.push(hasOwnPosition(last) ? last.position.slice(0, -2) : String(last.sequence))
      for (const write of writes) {
        if (write !== last || !hasOwnPosition(write)) positions.push(write.position)
        if (write.replayed) replayed.push(write.field, String(write.sequence))
      }
    }
    // No id has a line break (`createKeys`). Fewer arguments cost less to write and to receive.
    const args = [this.#token, ...[ids, sequences, positions, replayed].map(lines)]
    const isLost = await this.#retryUntilLost(() => this.#runRemoval(args))
    return isLost === false
  }

  /**
   * Removes entries of the stream that are not writes of this package. They can neither be flushed
   * nor become dead letters. Tries once.
   */
  async removeForeign(positions: readonly string[]): Promise<void> {
    const { stream } = this.#partition
    const error = new CacheError(
      `${positions.length} entries of "${stream}" were no writes of this package and were ` +
        'deleted. Make sure that no other program uses keys of this namespace.',
      { code: 'FOREIGN_VALUE', key: stream },
    )
    emit(channels.error, () => ({ operation: 'write-behind', key: stream, error }))
    await this.#runRemoval([this.#token, '', '', lines(positions), ''])
  }

  /**
   * Counts a failed attempt at the writes of an id. Resolves to the number of failed attempts, or
   * to
   * `undefined` if the partition is lost.
   */
  countFailure(id: string): Promise<number | undefined> {
    const { owner, failedAttempts, lastFailure } = this.#partition
    const keys = [owner, failedAttempts, lastFailure(this.#token)]
    const args = [this.#token, id, String(++this.#failures), String(MARK_TTL)]
    return this.#retryUntilLost(() => this.#client.run(countFailureScript, keys, args))
  }

  /** Makes a write a dead letter. Resolves to `false` if the partition is lost. */
  async moveToDeadLetters(
    { position, field, sequence }: BufferedWrite<T, Id>,
    error: unknown,
    attempts: number,
  ): Promise<boolean> {
    const { owner, stream, pending, failedAttempts, deadLetters, deadLetterState, replayed } =
      this.#partition
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const args = [
      this.#token,
      position,
      field,
      String(sequence),
      text.slice(0, MAX_ERROR_LENGTH),
      String(attempts),
    ]
    const entry = this.#partition.entry(field)
    const otherKeys = [
      owner,
      stream,
      pending,
      failedAttempts,
      deadLetters,
      deadLetterState,
      replayed,
    ]
    const outcomes = await this.#retryUntilLost(() =>
      this.#client.entries.change(moveToDeadLettersScript, [entry], args, otherKeys),
    )
    return outcomes?.[0] === false
  }

  #runRemoval(args: readonly string[]): Promise<boolean> {
    const { owner, stream, pending, failedAttempts, deadLetterState, replayed } = this.#partition
    const keys = [owner, stream, pending, failedAttempts, deadLetterState, replayed]
    return this.#client.run(removeFlushedScript, keys, args)
  }

  /** Resolves to `undefined` if the partition is lost before Redis answers. */
  async #retryUntilLost<R>(request: () => Promise<R>): Promise<R | undefined> {
    while (!this.#lost.aborted) {
      try {
        return await request()
      } catch (error) {
        emit(channels.error, () => ({
          operation: 'write-behind',
          key: this.#partition.stream,
          error,
        }))
        await sleepUnlessAborted(RETRY_PAUSE, this.#lost)
      }
    }
    return undefined
  }
}

const lines = (texts: readonly string[]): string => texts.join('\n')

/** Whether the position of a write is its sequence and `-0`, as it is unless it was replayed. */
function hasOwnPosition({ position, replayed }: WriteHead): boolean {
  return !replayed && position.endsWith('-0')
}

const MAX_ERROR_LENGTH = 1_000
/** Milliseconds between two attempts to reach Redis. */
const RETRY_PAUSE = 50
