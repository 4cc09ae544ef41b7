import type {
  CacheClient,
  CallOptions,
  Duration,
  KeyPart,
  LoadPolicyOptions,
  Mutation,
} from '@cache/core'
import type { SourceOptions, SourceReads } from '@cache/core/internal'
import type { GroupVersions } from './stamps.js'

export interface VersionedOptions<Loaded, Id>
  extends LoadPolicyOptions<NonNullable<Loaded>>, SourceOptions<Loaded, Id> {
  readonly client: CacheClient
  /** What the keys of this cache begin with, behind the client's namespace. */
  readonly prefix: string
  /** The key parts of an id. Default: the id itself. */
  readonly key?: (id: Id) => KeyPart | readonly KeyPart[]
  /**
   * The groups that an id's value is in: as many as you like; all caches of a namespace share them.
   * Called without the value too: answer what is known then, and their versions are asked for
   * together with the entry; `undefined` where only the value tells. What it answers with the value
   * is what counts; where there is none (`negativeTtl`), what it answers without.
   */
  readonly groups: (id: Id, value?: NonNullable<Loaded>) => readonly string[] | undefined
  /**
   * `'stamp'` (default): one key for each entry; it carries the versions its groups had, and is
   * compared. `'key'`: the versions are part of the key, `product:42:v…`, which others can read; a
   * read takes two round trips, all groups must be known without the value, and what was bumped
   * stays in memory until its ttl.
   */
  readonly strategy?: 'stamp' | 'key'
  /**
   * How long this process goes by a version it has seen. For so long a bump of another process may
   * go unnoticed. Default: not at all.
   */
  readonly versionCache?: Duration
  /**
   * How long a group's version is kept, at least half of it after the last load of an entry; with
   * it all its entries end. Longer than twice their ttl. Default 30 d, or twice the ttl if that is
   * more.
   */
  readonly versionTtl?: Duration
  /**
   * The most that the clocks of two servers may be apart; only groups learnt from the value depend
   * on it: one whose version is not older than that is not kept the first time. Default 1 s; on a
   * single server 0.
   */
  readonly clockSkew?: Duration
  /**
   * How long `mutate` and `mutateGroups` may take; a process that dies in it leaves the old value
   * at most this much longer. Default 5 s.
   */
  readonly intentTtl?: Duration
}

/**
 * Version-based invalidation. Promises: a read that begins after `bump` or `mutateGroups` of one of
 * its groups, or `invalidate`, `set` or `mutate` of its id, was acknowledged, in any process, never
 * returns what was loaded before; a version that Redis has lost makes entries invalid, never valid;
 * a bump costs the same however many entries there are; one loader runs for a cold key among all
 * processes; a read answers, from the source, with Redis down.
 *
 * Two things loosen the first, and only if you choose them: `versionCache`, by its length, and a
 * near cache, by the time a message takes. The process that bumped never sees old values.
 *
 * Ids are strings, numbers or bigints, or whatever `key` takes; never arrays, which stand for many
 * ids.
 */
export interface Versioned<Loaded, Id> extends SourceReads<Loaded, Id> {
  /**
   * What is cached and right, fresh or stale; nothing is loaded. `undefined` where there is
   * nothing, or Redis does not answer.
   */
  peek(id: Id, call?: Pick<CallOptions, 'outage'>): Promise<Loaded | null | undefined>
  /**
   * Makes every entry of these groups invalid, in all caches of the namespace: O(1) for each group.
   * Resolves to their new versions. Rejects when Redis does not answer: it may be done later, or
   * not at all.
   */
  bump(groups: string | readonly string[]): Promise<GroupVersions>
  /**
   * Runs `change`, which changes the source, and makes every entry of these groups invalid, as
   * `bump`: even if the process dies right after its change, nothing stale is left beyond
   * `intentTtl`.
   *
   * Rejects with the error of `change`; without running it, with `CacheUnavailableError`, if Redis
   * does not answer; with `CacheWriteError` (`stored: true`, and its `result`) if Redis went away
   * after it.
   */
  mutateGroups<R>(groups: string | readonly string[], change: () => R | Promise<R>): Promise<R>
  /**
   * The groups' versions; a group that has none gets one. Of values that are loaded from now on
   * they can be said in `set`.
   */
  versions(groups: readonly string[]): Promise<GroupVersions>
  /**
   * Stores a value that you know to be current; or that was, when its groups had the given
   * `versions`: then a bump since makes it invalid (an `invalidate` of its id since does not).
   * `false`: a writer was under way, it is not the newest, or one of its groups was bumped; the
   * next read loads. Rejects when Redis does not answer, and with `CodecError` before anything is
   * sent.
   */
  set(
    id: Id,
    value: NonNullable<Loaded>,
    options?: { readonly ttl?: Duration; readonly versions?: GroupVersions },
  ): Promise<boolean>
  /**
   * Deletes one entry or many. Resolves to how many there were. Rejects when Redis does not answer:
   * they may still be there.
   */
  invalidate(ids: Id | readonly Id[]): Promise<number>
  /**
   * Runs `change`, which changes the source of these ids, and drops their entries, as cache-aside's
   * `mutate`: even a process that dies right after its change leaves nothing stale beyond
   * `intentTtl`. Not with strategy `'key'`, where a bump would move the entry meanwhile.
   */
  mutate<R>(ids: Id | readonly Id[], change: () => R | Promise<R>): Promise<R>
  /**
   * As `mutate`, for a change that commits later than a callback could tell, such as a database
   * transaction: call `commit()` when the database has committed. The change may take `intentTtl`,
   * of the cache or its own. Rejects with `CacheUnavailableError` if Redis does not answer.
   */
  beginMutation(
    ids: Id | readonly Id[],
    options?: { readonly intentTtl?: Duration },
  ): Promise<Mutation>
  /** As `mutateGroups`, for such a change. */
  beginGroupMutation(
    groups: string | readonly string[],
    options?: { readonly intentTtl?: Duration },
  ): Promise<Mutation>
  /**
   * Resolves once nothing is reloaded in the background any more. For the end of a process, or of a
   * serverless function.
   */
  idle(): Promise<void>
}
