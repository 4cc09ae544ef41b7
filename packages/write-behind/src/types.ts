import type {
  CacheClient,
  CacheStats,
  Codec,
  Duration,
  LoadPolicyOptions,
  SourceOptions,
  SourceReads,
} from '@cache/core'

import type { DeadLetters } from './dead-letters.js'
import type { WriteId } from './partitions.js'

/** Options of `createWriteBehind`. */
export interface WriteBehindOptions<Loaded, Id extends WriteId, Patch>
  extends Omit<LoadPolicyOptions<NonNullable<Loaded>>, 'version'>, SourceOptions<Loaded, Id> {
  /**
   * How long an entry is fresh. You can pass a function of the value. Required, unless the client
   * has a default. `'never'` is refused: nobody invalidates these entries, so they must end by
   * themselves. Default: that of the client.
   */
  readonly ttl?: Duration | ((value: NonNullable<Loaded>) => Duration)
  /** The cache client to use. */
  readonly client: CacheClient
  /**
   * The first part of every key of this queue, after the client's namespace. It identifies the
   * queue: its workers use the same prefix. Neither it nor the namespace may have a hash tag.
   */
  readonly prefix: string
  /**
   * The number of partitions that ids are divided among. At most this many workers share the work.
   * All users of the prefix must use the same number, and it can never change. Default 8.
   */
  readonly partitions?: number
  /**
   * Returns the new value, given the current one (`undefined` if there is none) and the patch that
   * was passed to `update`. It must be pure, because it may run more than once. Default: the patch
   * is the whole new value.
   */
  readonly merge?: (current: NonNullable<Loaded> | undefined, patch: Patch) => NonNullable<Loaded>
  /** Encodes the patches of `update`. Default: `codec`. */
  readonly patchCodec?: Codec<any>
  /**
   * The maximum number of writes that may wait for the database in one partition. Default 100 000.
   */
  readonly maxPending?: number
  /**
   * What a write does when its partition has reached `maxPending`. `'reject'`: it rejects with
   * `BackpressureError`. `'wait'`: it waits for room. Default 'reject'.
   */
  readonly whenFull?: 'reject' | 'wait'
  /**
   * What a read does while Redis does not answer. `'reject'`: it rejects, because the database
   * may not have all acknowledged writes yet. `'bypass'`: it returns what the database has. Writes
   * reject in either case. Default 'reject'.
   */
  readonly onOutage?: 'reject' | 'bypass'
  /**
   * The number of replicas that must confirm a write before it is acknowledged (WAIT), and how long
   * the write waits for them (default 1 s). If there are fewer, the write rejects with
   * `DurabilityError`. Default: no replicas.
   */
  readonly durability?: { readonly replicas: number; readonly timeout?: Duration }
}

/** Options of a single write, and of `flushed`. */
export interface WriteOptions {
  /**
   * Ends the wait for room in a full queue, for an earlier `update` of the same id, for `load`, or
   * for the database.
   */
  readonly signal?: AbortSignal
}

/**
 * A write-behind cache with its queue.
 *
 * - An acknowledged write is in the queue. It stays there until the database has it, or until it is
 *   a dead letter.
 * - From then on every reader of the id gets the written value, even if the cached entry was
 *   evicted.
 * - The writes of an id reach the database in their order.
 */
export interface WriteBehind<Loaded, Id extends WriteId, Patch>
  extends SourceReads<Loaded, Id>, AsyncDisposable {
  /** Returns the cached or pending value. It never loads. */
  peek(id: Id): Promise<NonNullable<Loaded> | null | undefined>
  /**
   * Returns whether the value is cached or pending, and does not load. The remembered fact that
   * there is none (`negativeTtl`) counts. An entry that can't be decoded does not: like `peek`,
   * this reads the whole entry. Rejects if Redis does not answer, as `peek` does; with `onOutage:
   * 'bypass'` it returns `false`.
   */
  has(id: Id): Promise<boolean>
  /**
   * Merges a patch into the current value and queues the result. Resolves to the new value.
   *
   * @throws {BackpressureError} if the queue is full. Nothing was written.
   * @throws {DurabilityError} if the write is in Redis, but on too few replicas.
   */
  update(id: Id, patch: Patch, options?: WriteOptions): Promise<NonNullable<Loaded>>
  /**
   * Does the same as `update` for many patches, which are sent together. Resolves to the new values
   * in the order of the patches.
   *
   * @throws {BulkWriteError} if some writes were refused. Its `failures` name them. The others were
   * acknowledged.
   */
  updateMany(
    patches: Iterable<readonly [id: Id, patch: Patch]>,
    options?: WriteOptions,
  ): Promise<NonNullable<Loaded>[]>
  /** Queues a whole value. Rejects like `update`. */
  put(id: Id, value: NonNullable<Loaded>, options?: WriteOptions): Promise<void>
  /** Queues many whole values, which are sent together. Rejects like `updateMany`. */
  putMany(
    values: Iterable<readonly [id: Id, value: NonNullable<Loaded>]>,
    options?: WriteOptions,
  ): Promise<void>
  /** Queues the removal of a row. From then on, reads find no row. Rejects like `update`. */
  delete(id: Id, options?: WriteOptions): Promise<void>
  /**
   * Resolves once the database has everything that was written to the id before this call.
   *
   * @throws {DeadLetterError} if the last of these writes became a dead letter.
   */
  flushed(id: Id, options?: WriteOptions): Promise<void>
  /**
   * Returns counters of what this cache has done in this process since it was created: hits,
   * misses, loads, errors. It sends nothing to Redis, and works without any subscriber or SDK.
   */
  stats(): CacheStats
  /** Counts the writes that wait for the database. */
  pending(): Promise<Pending>
  /** The writes that could not be flushed. */
  readonly deadLetters: DeadLetters<NonNullable<Loaded>, Id>
  /** Closes the connection that `durability` opened. */
  close(): Promise<void>
}

/** The writes that wait for the database, in total and for each partition. */
export interface Pending {
  readonly writes: number
  /** Milliseconds since the oldest of these writes was acknowledged. 0 if none waits. */
  readonly oldest: number
  readonly partitions: readonly {
    readonly writes: number
    readonly oldest: number
    /** Whether a worker owns the partition. */ readonly owned: boolean
  }[]
}
