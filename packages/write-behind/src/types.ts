import type { CacheClient, Codec, Duration, LoadPolicyOptions } from '@cache/core'
import type { SourceOptions, SourceReads } from '@cache/core/internal'
import type { DeadLetters } from './dead-letters.js'
import type { WriteId } from './partitions.js'

export interface WriteBehindOptions<Loaded, Id extends WriteId, Patch>
  extends Omit<LoadPolicyOptions<NonNullable<Loaded>>, 'version'>, SourceOptions<Loaded, Id> {
  readonly client: CacheClient
  /**
   * Of the queue, and what its keys begin with, behind the client's namespace. Its workers use the
   * same.
   */
  readonly name: string
  /**
   * Into how many queues ids are divided; at most as many workers share the work. The same for all,
   * for ever. Default 8.
   */
  readonly partitions?: number
  /**
   * Makes the new value from the current one (`undefined`: there is none) and what `write` was
   * given. Pure: it may run more than once. Without it, what `write` is given is the whole new
   * value.
   */
  readonly merge?: (current: NonNullable<Loaded> | undefined, patch: Patch) => NonNullable<Loaded>
  /** How the patches of `write` become bytes. Default: `codec`. */
  readonly patchCodec?: Codec<any>
  /** Writes that may wait for the database in one partition. Default 100 000. */
  readonly maxPending?: number
  /**
   * What a write does when there are as many: `'reject'` (default) with `BackpressureError`; or
   * `'wait'` for room.
   */
  readonly whenFull?: 'reject' | 'wait'
  /**
   * What a read does while Redis does not answer. `'reject'` (default): the database may not have
   * what was acknowledged. `'load'`: answers with what the database has. Writes reject in either
   * case.
   */
  readonly onOutage?: 'reject' | 'load'
  /**
   * How many replicas must have a write before it is acknowledged (WAIT), and how long that may
   * take (default 1 s). Default: none.
   */
  readonly durability?: { readonly replicas: number; readonly timeout?: Duration }
}

export interface WriteOptions {
  /** Gives up waiting: for room, for an earlier `write` of the id, for `load`, for the database. */
  readonly signal?: AbortSignal
}

/**
 * Write-behind. Promises: an acknowledged write is in the queue, and stays there until the database
 * has it or it is a dead letter; whoever reads its id from then on gets it, also when the cached
 * entry was evicted; the writes of an id reach the database in their order.
 */
export interface WriteBehind<Loaded, Id extends WriteId, Patch>
  extends SourceReads<Loaded, Id>, AsyncDisposable {
  /** What is cached or pending; nothing is loaded. */
  peek(id: Id): Promise<NonNullable<Loaded> | null | undefined>
  /**
   * Merges the patch into the current value. Resolves to the new one.
   *
   * @throws {BackpressureError} the queue is full; nothing was written.
   * @throws {DurabilityError} the write is in Redis, but not on as many replicas as it should.
   */
  write(id: Id, patch: Patch, options?: WriteOptions): Promise<NonNullable<Loaded>>
  /**
   * As `write`, of many, sent together. Resolves to the new values, in order.
   *
   * @throws {BulkWriteError} some were refused; its `failures` say which. The others were
   * acknowledged.
   */
  writeMany(
    writes: Iterable<readonly [id: Id, patch: Patch]>,
    options?: WriteOptions,
  ): Promise<NonNullable<Loaded>[]>
  /** As `write`, of the whole value. */
  put(id: Id, value: NonNullable<Loaded>, options?: WriteOptions): Promise<void>
  /** As `writeMany`, of whole values. */
  putMany(
    writes: Iterable<readonly [id: Id, value: NonNullable<Loaded>]>,
    options?: WriteOptions,
  ): Promise<void>
  /** Queues the removal of the row; until then, there is none. */
  delete(id: Id, options?: WriteOptions): Promise<void>
  /**
   * Resolves once the database has what was written to the id until now.
   *
   * @throws {DeadLetterError} if it became a dead letter.
   */
  flushed(id: Id, options?: WriteOptions): Promise<void>
  /** What waits for the database. */
  pending(): Promise<Pending>
  readonly deadLetters: DeadLetters<NonNullable<Loaded>, Id>
  /** Ends the connection that `durability` opened. */
  close(): Promise<void>
}

export interface Pending {
  readonly writes: number
  /** Ms since the oldest of them was acknowledged; 0 where there are none. */
  readonly oldest: number
  readonly partitions: readonly {
    readonly writes: number
    readonly oldest: number
    /** Whether a worker has it. */ readonly owned: boolean
  }[]
}
