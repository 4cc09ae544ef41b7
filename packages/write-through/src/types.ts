import type { CacheClient, Duration, KeyPart, LoadPolicyOptions, Mutation } from '@cache/core'
import type { SourceOptions, SourceReads } from '@cache/core/internal'

/**
 * What `store` may answer with: the whole new row; `null`, there is no such row; nothing, it does
 * not know.
 */
export type Stored<T> = T | null | undefined | void

/** What a write resolves to: the new row, as far as it is known. */
export type Written<T, S> = [S] extends [T | null] ? S : T | Extract<S, null> | undefined

export interface WriteThroughOptions<Loaded, Id, Patch, S extends Stored<NonNullable<Loaded>>>
  extends LoadPolicyOptions<NonNullable<Loaded>>, SourceOptions<Loaded, Id> {
  readonly client: CacheClient
  /** What the keys of this cache begin with, behind the client's namespace. */
  readonly prefix: string
  /** The key parts of an id. Default: the id itself. */
  readonly key?: (id: Id) => KeyPart | readonly KeyPart[]
  /** Changes the source. What it answers with is what is cached: the whole new row. */
  readonly store: (id: Id, patch: Patch) => S | Promise<S>
  /**
   * Changes the source for many at once, answering in their order; all of them or none. Default:
   * `store` for each.
   */
  readonly storeMany?: (
    writes: readonly (readonly [id: Id, patch: Patch])[],
  ) => readonly S[] | Promise<readonly S[]>
  /** Removes it from the source; for `delete`. */
  readonly remove?: (id: Id) => unknown
  /**
   * Makes the new row from the cached one, where `store` answers with nothing. Used only where
   * nobody else wrote meanwhile.
   */
  readonly merge?: (current: NonNullable<Loaded>, patch: Patch) => NonNullable<Loaded>
  /**
   * How long `store` may take; a process that dies in it leaves the old value at most this much
   * longer. Default 5 s.
   */
  readonly intentTtl?: Duration
  /**
   * What becomes of a write that Redis takes no note of. `'reject'` (default):
   * `CacheUnavailableError`, the source untouched. `'store'`: the source is written; until Redis is
   * back and the entry dropped, other processes may still read the old one, this one does not.
   */
  readonly onOutage?: 'reject' | 'store'
}

/**
 * Write-through. Promises: a read that begins after a write of its id was acknowledged, in any
 * process, never returns what was there before; a process that dies in the middle of a write leaves
 * the old value `intentTtl` longer at most; what is cached is what the source has.
 *
 * A write rejects with the error of `store`, with `CacheUnavailableError` (nothing was written), or
 * with `CacheWriteError` (`stored: true`, and its `result`) if Redis went away after the source had
 * been written.
 */
export interface WriteThrough<Loaded, Id, Patch, S>
  extends SourceReads<Loaded, Id>, AsyncDisposable {
  /** What is cached, fresh or stale; nothing is loaded. */
  peek(id: Id): Promise<Loaded | null | undefined>
  /**
   * Stores the patch, and caches the row that comes of it. `undefined` where it is not known:
   * `store` answered with nothing, and there was nothing to merge with, or another writer
   * overlapped.
   */
  update(id: Id, patch: Patch): Promise<Written<NonNullable<Loaded>, S>>
  /** Stores a whole row, new or not; where `store` answers with nothing, it is cached as it is. */
  put(id: Id, value: NonNullable<Loaded> & Patch): Promise<NonNullable<Loaded>>
  /** Removes the row. Resolves to what `remove` answers with. */
  delete(id: Id): Promise<unknown>
  /**
   * As `update`, of many. An id may be there more than once: its writes are done in their order.
   *
   * @throws {WriteManyError} if some failed, with the outcome of each.
   */
  updateMany(
    writes: readonly (readonly [id: Id, patch: Patch])[],
  ): Promise<Written<NonNullable<Loaded>, S>[]>
  /**
   * Deletes entries, after a change of the source that did not go through here. Resolves to how
   * many there were.
   */
  invalidate(ids: Id | readonly Id[]): Promise<number>
  /**
   * For a change that commits later than a callback could tell, such as a database transaction:
   * call `commit()` when the database has committed. The change may take `intentTtl`, of the cache
   * or its own. Rejects with `CacheUnavailableError` if Redis does not answer.
   */
  beginMutation(
    ids: Id | readonly Id[],
    options?: { readonly intentTtl?: Duration },
  ): Promise<Mutation>
  /**
   * Resolves once nothing is reloaded in the background any more. For the end of a process, or of a
   * serverless function.
   */
  idle(): Promise<void>
  /** Ends what `onOutage: 'store'` still had to drop, with one last attempt. */
  close(): Promise<void>
}
