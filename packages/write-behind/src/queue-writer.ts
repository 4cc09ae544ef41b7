import { InvalidOptionError } from '@cache/core'
import { Backoff, sleep, type LoadPolicy } from '@cache/core/internal'
import { BackpressureError } from './errors.js'
import type { Partitions, WriteId } from './partitions.js'
import type { WriteOptions } from './types.js'
import type { EncodedWrite, WriteBatches } from './write-batches.js'
import { encodeId, type WriteFormat } from './write-format.js'

/** A write that is not in the queue yet. */
export interface NewWrite<T, Id> {
  readonly id: Id
  readonly kind: 'write' | 'patch' | 'delete'
  readonly value: T | null
  readonly patch?: unknown
  /** The lease that must still be held when the write is executed. A patch has one. */
  readonly lease?: string
}

interface Dependencies<T> {
  readonly partitions: Partitions
  readonly policy: LoadPolicy<T>
  readonly format: WriteFormat<T>
  readonly batches: WriteBatches
  readonly maxPending: number
  readonly whenFull: 'reject' | 'wait'
}

/** Encodes writes and stores them in the queue and in the cache. */
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
  async queue(write: NewWrite<T, Id>, { signal }: WriteOptions = {}): Promise<boolean> {
    const { partitions, batches, maxPending, whenFull } = this.#dependencies
    const partition = partitions.of(write.id)
    const encoded = this.#encode(partition.entry(write.id), write)
    let polling: Backoff | undefined
    for (;;) {
      signal?.throwIfAborted()
      const outcome = await batches.add(partition, encoded)
      if (outcome !== 'full') return outcome === 'stored'
      if (whenFull === 'reject') throw new BackpressureError(encoded.key, maxPending)
      await sleep((polling ??= new Backoff(POLLING)).next(), signal)
    }
  }

  #encode(key: string, { id, kind, value, patch, lease = '' }: NewWrite<T, Id>): EncodedWrite {
    const { policy, format } = this.#dependencies
    if (kind !== 'delete' && (value === null || value === undefined))
      throw new InvalidOptionError('value', 'a value; delete(id) removes the row', value)
    const { flags, payload } = format.encode(key, value)
    const { ttl } = policy.storing(value, {}) ?? { ttl: FALLBACK_TTL }
    const args = kind === 'patch' ? [payload, lease, format.encodePatch(key, patch)] : [payload]
    return { key, kind, flags, id: encodeId(id), ttl, args }
  }
}

/** Milliseconds for which a pending value is cached if the policy gives it no ttl. */
export const FALLBACK_TTL = 60_000
/** The pauses between two looks at something in Redis that is waited for. */
export const POLLING = { first: 5, max: 100 }
