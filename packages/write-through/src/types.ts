import type {
  CacheClient,
  CacheStats,
  CallOptions,
  ClearableOptions,
  Duration,
  KeyPart,
  LoadPolicyOptions,
  Mutation,
  MutationOptions,
  SourceOptions,
  SourceReads,
} from '@cache/core'

/**
 * The answer of `store`: the whole new row; `null` if there is no such row; or nothing, if it does
 * not know the new row.
 */
export type Stored<T> = T | null | undefined | void

/** The result of a write: the new row, as far as it is known. */
export type Written<T, S> = [S] extends [T | null] ? S : T | Extract<S, null> | undefined

/**
 * Options of `createWriteThrough`. The options that all caches have in common are those of
 * `LoadPolicyOptions`.
 */
export interface WriteThroughOptions<Loaded, Id, Patch, S extends Stored<NonNullable<Loaded>>>
  extends LoadPolicyOptions<NonNullable<Loaded>>, ClearableOptions, SourceOptions<Loaded, Id> {
  /** The cache client to use. */
  readonly client: CacheClient
  /** The first part of every key of this cache, after the client's namespace. */
  readonly prefix: string
  /** Returns the key parts of an id. Default: the id itself. */
  readonly key?: (id: Id) => KeyPart | readonly KeyPart[]
  /**
   * Changes the source. Answers with the whole new row, which is cached, with `null` (there is no
   * such row), or with nothing.
   */
  readonly store: (id: Id, patch: Patch) => S | Promise<S>
  /**
   * Changes several rows of the source, all of them or none, and answers in the order of the
   * writes. Default: `store` for each write.
   */
  readonly storeMany?: (
    writes: readonly (readonly [id: Id, patch: Patch])[],
  ) => readonly S[] | Promise<readonly S[]>
  /** Removes a row from the source. `delete` needs it. */
  readonly remove?: (id: Id) => unknown
  /**
   * Makes the new row from the cached one if `store` answers with nothing. It is used only if no
   * other writer overlapped.
   */
  readonly merge?: (current: NonNullable<Loaded>, patch: Patch) => NonNullable<Loaded>
  /**
   * How long `store` may take. A process that dies during a write leaves the old value for at most
   * this much longer. Default 5 s.
   */
  readonly intentTtl?: Duration
  /**
   * What a write does while Redis is down.
   *
   * - `'reject'`: it rejects with `CacheUnavailableError`, and the source is untouched.
   * - `'bypass'`: it changes the source without Redis. Until Redis is back and the old entry is
   *   dropped, other processes may still read that entry; this process does not.
   *
   * Default 'reject'.
   */
  readonly onOutage?: 'reject' | 'bypass'
}

/**
 * A write-through cache. It guarantees that
 *
 * - a read that begins after a write of its id was acknowledged never returns what was there
 *   before, in any process;
 * - a process that dies in the middle of a write leaves the old value for at most `intentTtl`
 *   longer;
 * - the cached value is the one that the source has.
 *
 * A write rejects with the error of `store`, with `CacheUnavailableError` if nothing was written,
 * or with `CacheWriteError` (`stored: true`, and its `result`) if Redis went away after the source
 * had been written.
 */
export interface WriteThrough<Loaded, Id, Patch, S>
  extends SourceReads<Loaded, Id>, AsyncDisposable {
  /**
   * Loads the value now, and replaces the cached one once the load has succeeded; until then, reads
   * get the old one. Calls of one process that come before the loader is called share its load. If
   * the new value can't be cached, or a writer or an invalidation came first, nothing is stored and
   * the old value is dropped. Rejects if the loader throws or Redis does not answer: the old value
   * stays.
   */
  refresh(id: Id, call?: Pick<CallOptions, 'signal'>): Promise<Loaded>
  /** Returns the cached value, fresh or stale, and does not load. */
  peek(id: Id): Promise<Loaded | null | undefined>
  /**
   * Returns whether the value is cached, fresh or stale, and does not load. The remembered fact
   * that there is none (`negativeTtl`) counts. An entry that can't be decoded does not: like
   * `peek`, this reads the whole entry. Returns `false` if Redis does not answer.
   */
  has(id: Id): Promise<boolean>
  /**
   * Stores a patch, and caches the new row. Resolves to `undefined` if the new row is unknown:
   * `store` answered with nothing, and there was no cached row to merge with, or another writer
   * overlapped.
   */
  update(id: Id, patch: Patch): Promise<Written<NonNullable<Loaded>, S>>
  /**
   * Stores a whole row, new or not. If `store` answers with nothing, the row is cached as you pass
   * it.
   */
  put(id: Id, value: NonNullable<Loaded> & Patch): Promise<NonNullable<Loaded>>
  /** Removes a row. Resolves to the answer of `remove`. */
  delete(id: Id): Promise<unknown>
  /**
   * Stores several patches, like `update`. An id may occur more than once: its writes are done in
   * their order.
   *
   * @throws {WriteManyError} if some writes failed, with the outcome of each.
   */
  updateMany(
    writes: readonly (readonly [id: Id, patch: Patch])[],
  ): Promise<Written<NonNullable<Loaded>, S>[]>
  /**
   * Deletes entries after a change of the source that did not use this cache. Resolves to the
   * number of deleted entries.
   */
  invalidate(ids: Id | readonly Id[]): Promise<number>
  /**
   * Makes all entries of the cache invalid, in O(1). A read that begins after `clear` was
   * acknowledged never returns a value that was cached, loaded or written before, in any process.
   * The old entries stay in Redis until they are read again or expire.
   *
   * It needs the option `clearable`, and rejects with `UsageError` without it. Rejects if Redis
   * does not answer: the cache may then be cleared later, or not at all.
   */
  clear(): Promise<void>
  /**
   * Begins a mutation that outlives the call, for a change whose commit a callback can't observe,
   * such as a database transaction. Call `commit()` when the database has committed. The change may
   * take as long as `intentTtl`, of these options or of the cache. Rejects with
   * `CacheUnavailableError` if Redis does not answer.
   */
  beginMutation(ids: Id | readonly Id[], options?: MutationOptions): Promise<Mutation>
  /**
   * Returns counters of what this cache has done in this process since it was created: hits,
   * misses, loads, errors. It sends nothing to Redis, and works without any subscriber or SDK.
   */
  stats(): CacheStats
  /**
   * Resolves when no reload is running in the background. Await it at the end of a process, or of a
   * serverless function.
   */
  idle(): Promise<void>
  /**
   * Makes one last attempt to drop the entries that `onOutage: 'bypass'` left behind, and stops
   * trying.
   */
  close(): Promise<void>
}
