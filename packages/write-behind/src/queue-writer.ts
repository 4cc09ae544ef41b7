import { InvalidOptionError, type Argument, type CacheClient } from '@cache/core'
import { Backoff, companion, sleep, type LoadPolicy, type ReadPath } from '@cache/core/internal'
import type { DurableConnection } from './durable-connection.js'
import { BackpressureError } from './errors.js'
import type { Partitions, WriteId } from './partitions.js'
import { queueWriteScript } from './scripts.js'
import type { Sessions } from './sessions.js'
import type { WriteOptions } from './types.js'
import { encodeId, type WriteFormat } from './write-format.js'

/** A write that is not in the queue yet. */
export interface NewWrite<T, Id> {
  readonly id: Id
  readonly kind: 'write' | 'patch' | 'delete'
  readonly value: T | null
  readonly patch?: unknown
  /** The lease that must still be held when the write is executed. */
  readonly lease?: string
}

interface Dependencies<T> {
  readonly client: CacheClient
  readonly partitions: Partitions
  readonly path: ReadPath<T>
  readonly policy: LoadPolicy<T>
  readonly format: WriteFormat<T>
  readonly sessions: Sessions
  readonly durable: DurableConnection | undefined
  readonly maxPending: number
  readonly whenFull: 'reject' | 'wait'
}

/** Stores writes in the queue and in the cache. */
export class QueueWriter<T, Id extends WriteId> {
  readonly #dependencies: Dependencies<T>

  constructor(dependencies: Dependencies<T>) {
    this.#dependencies = dependencies
  }

  /**
   * Stores one write in the queue and in the cache, in one atomic step. Resolves to `false` if
   * another write came after the lease that this one depends on was taken.
   *
   * @throws {BackpressureError} if the queue is full and `whenFull` is `'reject'`.
   * @throws {DurabilityError} if the write is in Redis, but on too few replicas.
   */
  async queue(
    { id, kind, value, patch, lease = '' }: NewWrite<T, Id>,
    { signal }: WriteOptions = {},
  ): Promise<boolean> {
    const { partitions, path, policy, format, maxPending, whenFull } = this.#dependencies
    const key = partitions.of(id).entry(id)
    if (kind !== 'delete' && (value === null || value === undefined))
      throw new InvalidOptionError('value', 'a value; delete(id) removes the row', value)
    const stored = format.encode(key, value)
    const ttl = (policy.storing(value, {}) ?? { ttl: FALLBACK_TTL }).ttl
    const args = [
      encodeId(id),
      stored,
      String(ttl),
      String(maxPending),
      lease,
      kind,
      kind === 'patch' ? format.encodePatch(key, patch) : '',
    ]
    await partitions.verify()
    const polling = new Backoff(POLLING)
    for (;;) {
      signal?.throwIfAborted()
      const outcome = await path.changing([key], () => this.#attempt(id, args))
      if (outcome === 'overtaken') return false
      if (outcome !== 'full') {
        path.count('writes', 1)
        return true
      }
      if (whenFull === 'reject') throw new BackpressureError(key, maxPending)
      await sleep(polling.next(), signal)
    }
  }

  #attempt(id: Id, writeArgs: readonly Argument[]): Promise<string> {
    const { client, partitions, sessions, durable } = this.#dependencies
    const partition = partitions.of(id)
    const key = partition.entry(id)
    return sessions.attempt(partition, key, async ({ session, number, args }) => {
      const store = durable ? await durable.entries() : client.entries
      const otherKeys = [companion(key, 'lease'), partition.stream, partition.pending, session]
      const [outcome] = await store.change(
        queueWriteScript,
        [key],
        [...args, ...writeArgs],
        otherKeys,
      )
      const isStored = /^\d/.test(outcome!)
      if (durable && isStored) await durable.confirm(key, session, number)
      return outcome!
    })
  }
}

/** Milliseconds for which a pending value is cached if the policy gives it no ttl. */
export const FALLBACK_TTL = 60_000
/** The pauses between two looks at something in Redis that is waited for. */
export const POLLING = { first: 5, max: 100 }
