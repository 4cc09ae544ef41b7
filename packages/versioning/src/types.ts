import type {
  CacheClient,
  CacheStats,
  CallOptions,
  ClearableOptions,
  Duration,
  Inspected,
  KeyPart,
  LoadPolicyOptions,
  Mutation,
  MutationOptions,
  SourceOptions,
  SourceReads,
} from '@cache/core'

import type { GroupVersions } from './stamps.js'

/**
 * Options of `createVersioned`. The options that all caches have in common are those of
 * `LoadPolicyOptions`.
 */
export interface VersionedOptions<Loaded, Id>
  extends LoadPolicyOptions<NonNullable<Loaded>>, ClearableOptions, SourceOptions<Loaded, Id> {
  /** The cache client to use. */
  readonly client: CacheClient
  /**
   * How long an entry is fresh. You can pass a function of the value. Required, unless the client
   * has a default. `'never'` is refused: the entries of a bumped group would stay in Redis.
   * Default: that of the client.
   */
  readonly ttl?: Duration | ((value: NonNullable<Loaded>) => Duration)
  /**
   * The first part of every key of this cache, after the client's namespace. `version-of` is
   * reserved for the versions.
   */
  readonly prefix: string
  /**
   * Returns the key parts of an id. Ids with the same key need the same groups, because their reads
   * share one load. Default: the id itself.
   */
  readonly key?: (id: Id) => KeyPart | readonly KeyPart[]
  /**
   * Returns the groups (tags) of an id's value, in any number. All caches of a namespace share the
   * groups.
   *
   * The function is also called without the value. Answer with the groups that are known then, all
   * or some, and their versions are read together with the entry; answer `undefined` if only the
   * value tells. The answer with the value counts. For "there is none" (`negativeTtl`), the answer
   * without the value counts.
   */
  readonly groups: (id: Id, value?: NonNullable<Loaded>) => readonly string[] | undefined
  /**
   * Where the versions are stored.
   *
   * - `'stamp'`: each entry has one key, and carries the versions of its groups. A read
   *   compares them with the current versions.
   * - `'key'`: the versions are part of the key, `product:42:v…`, which other programs can read. A
   *   read takes two round trips, all groups must be known without the value, and bumped entries
   *   stay in memory until their ttl.
   *
   * Default 'stamp'.
   */
  readonly strategy?: 'stamp' | 'key'
  /**
   * How long this process uses a version that it has seen, without asking Redis. For this long, a
   * bump by another process may go unnoticed; a bump by the same process never does. Default off.
   */
  readonly versionCache?: Duration
  /**
   * How long the version of a group is kept. At least half of it remains after the last load of an
   * entry. When a version ends, all entries of its group end with it. It must be longer than twice
   * the ttl of the entries. Default 30 d, or twice the ttl if that is more.
   */
  readonly versionTtl?: Duration
  /**
   * The largest difference between the clocks of two servers. It only concerns groups that are
   * learnt from the value: if the version of such a group is not older than this, the value is not
   * cached the first time. Default 1 s; on a single server 0.
   */
  readonly clockSkew?: Duration
  /**
   * How long `mutate` and `mutateGroups` may take. A process that dies during the call leaves the
   * old value for at most this much longer. Default 5 s.
   */
  readonly intentTtl?: Duration
}

/**
 * A read-through cache with version-based invalidation by group (tag). It guarantees that
 *
 * - a read that begins after `bump` or `mutateGroups` of one of its groups was acknowledged, or
 *   after `invalidate`, `set` or `mutate` of its id, never returns a value that was loaded before,
 *   in any process;
 * - a version that Redis has lost makes entries invalid, never valid;
 * - a bump costs the same for any number of entries;
 * - one loader runs for a cold key among all processes;
 * - a read is answered from the source while Redis is down.
 *
 * Two options loosen the first guarantee: `versionCache`, by its length, and a near cache, by the
 * time that a message takes. The process that bumped never sees old values.
 *
 * Ids are strings, numbers or bigints, or anything that `key` accepts. An id is never an array:
 * arrays stand for several ids.
 */
export interface Versioned<Loaded, Id> extends SourceReads<Loaded, Id> {
  /**
   * Loads the value now, and replaces the cached one once the load has succeeded; until then, reads
   * get the old one. Calls of one process that come before the loader is called share its load. If
   * the new value can't be cached, or a writer, an invalidation or a bump came first, nothing is
   * stored and the old value is dropped. Rejects if the loader throws or Redis does not answer: the
   * old value stays.
   */
  refresh(id: Id, call?: Pick<CallOptions, 'signal'>): Promise<Loaded>
  /**
   * Returns the cached value if it is valid, fresh or stale, and does not load. Returns `undefined`
   * if there is no entry, or if Redis does not answer.
   */
  peek(id: Id, call?: Pick<CallOptions, 'outage'>): Promise<Loaded | null | undefined>
  /**
   * Returns the cached value like `peek`, and for how long it is still fresh. Use it if each value
   * has a rule of its own for how long it may be served stale.
   */
  inspect(
    id: Id,
    call?: Pick<CallOptions, 'outage'>,
  ): Promise<Inspected<Loaded | null | undefined> | undefined>
  /**
   * Returns whether a valid value is cached, fresh or stale, and does not load. The remembered fact
   * that there is none (`negativeTtl`) counts. An entry that can't be decoded does not: like
   * `peek`, this reads the whole entry. Returns `false` if Redis does not answer.
   */
  has(id: Id): Promise<boolean>
  /**
   * Makes every entry of these groups invalid, in all caches of the namespace, in O(1) for each
   * group. Resolves to the new versions. Rejects if Redis does not answer: the bump may then be
   * done later, or not at all.
   */
  bump(groups: string | readonly string[]): Promise<GroupVersions>
  /**
   * Makes all entries of this cache invalid, in O(1), like the bump of a group that all its entries
   * belong to. Other caches of the namespace keep theirs. It needs the option `clearable`, and
   * rejects with `UsageError` without it. Rejects if Redis does not answer: the cache may then be
   * cleared later, or not at all.
   */
  clear(): Promise<void>
  /**
   * Runs `change`, which changes the source, and makes every entry of these groups invalid, like
   * `bump`. Even if the process dies right after its change, nothing stale is left beyond
   * `intentTtl`.
   *
   * Rejects with the error of `change`. Rejects with `CacheUnavailableError`, without running
   * `change`, if Redis does not answer. Rejects with `CacheWriteError` (`stored: true`, and its
   * `result`) if Redis went away after the change.
   */
  mutateGroups<R>(groups: string | readonly string[], change: () => R | Promise<R>): Promise<R>
  /**
   * Returns the versions of the groups. A group that has no version gets one. Pass the versions to
   * `set` with a value that you load after this call.
   */
  versions(groups: readonly string[]): Promise<GroupVersions>
  /**
   * Stores a value that you know to be current. With `versions`, stores a value that was current
   * when its groups had these versions: a bump since makes it invalid (an `invalidate` of its id
   * since does not).
   *
   * Resolves to `false` if a writer was under way, if the value is not the newest, or if one of its
   * groups was bumped; the next read loads. Rejects if Redis does not answer, and with `CodecError`
   * before anything is sent.
   */
  set(
    id: Id,
    value: NonNullable<Loaded>,
    options?: { readonly ttl?: Duration; readonly versions?: GroupVersions },
  ): Promise<boolean>
  /**
   * Deletes one entry or several. Resolves to the number of deleted entries. Rejects if Redis does
   * not answer: the entries may still be there.
   */
  invalidate(ids: Id | readonly Id[]): Promise<number>
  /**
   * Runs `change`, which changes the source of these ids, and drops their entries, like `mutate` of
   * `@cache/aside`. Even if the process dies right after its change, nothing stale is left beyond
   * `intentTtl`. It is not available with strategy `'key'`, because a bump would move the entry in
   * the meantime.
   */
  mutate<R>(ids: Id | readonly Id[], change: () => R | Promise<R>): Promise<R>
  /**
   * Begins a mutation that outlives the call, for a change whose commit a callback can't observe,
   * such as a database transaction. Call `commit()` when the database has committed. The change may
   * take as long as `intentTtl`, of these options or of the cache. Rejects with
   * `CacheUnavailableError` if Redis does not answer.
   */
  beginMutation(ids: Id | readonly Id[], options?: MutationOptions): Promise<Mutation>
  /** Begins a mutation like `beginMutation`, for all entries of these groups. */
  beginGroupMutation(
    groups: string | readonly string[],
    options?: MutationOptions,
  ): Promise<Mutation>
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
}
