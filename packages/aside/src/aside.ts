import {
  type CacheClient,
  type CacheStats,
  type CallOptions,
  type ClearableOptions,
  type Duration,
  type KeyPart,
  type LoadContext,
  type LoadMany,
  type LoadPolicyOptions,
  type Mutation,
  type MutationOptions,
  type Ttl,
} from '@cache/core'
import {
  clientOption,
  LoadPolicy,
  ReadPath,
  checkPrefix,
  clearableOptions,
  durationOption,
  functionOption,
  givenOption,
  keyById,
  loadPolicyOptions,
  openMutation,
  parseTtl,
  readCacheOptions,
  readsById,
  warnAboutSharedPrefix,
  writeSource,
  type CheckedOptions,
  type OptionTable,
  type ReadsById,
} from '@cache/core/internal'

/**
 * Options of `createAside`. The options that all caches have in common are those of
 * `LoadPolicyOptions`.
 */
export interface AsideOptions<T, Id = KeyPart> extends LoadPolicyOptions<T>, ClearableOptions {
  /** The cache client to use. */
  readonly client: CacheClient
  /** The first part of every key of this cache, after the client's namespace. */
  readonly prefix: string
  /** Returns the key parts of an id. Default: the id itself. */
  readonly key?: (id: Id) => KeyPart | readonly KeyPart[]
  /**
   * How long `mutate` may take. A process that dies during `mutate` leaves the old value for at
   * most this much longer. Default 5 s.
   */
  readonly intentTtl?: Duration
}

/**
 * A cache-aside: the caller passes the loader with each read. It guarantees that
 *
 * - a read that begins after `invalidate`, `mutate` or `set` of its id was acknowledged never
 *   returns a value that was loaded before, in any process;
 * - one loader runs for a cold key among all processes;
 * - a read is answered from the source while Redis is down.
 *
 * Ids are strings, numbers or bigints, or anything that `key` accepts. An id is never an array:
 * arrays stand for several ids.
 */
export interface Aside<T, Id = KeyPart> {
  /**
   * Returns the cached value, or the answer of `load`. `null` and `undefined` mean "there is none".
   * Rejects with the loader's own error. Without a type of its own (`createAside` without a type
   * argument) the cache takes the type from the loader.
   */
  getOrLoad<L extends T | null | undefined>(
    id: Id,
    load: (context: LoadContext<T>) => L | Promise<L>,
    call?: CallOptions,
  ): Promise<ValueOf<T, L>>
  /**
   * Returns the values in the order of `ids`, and loads all missing values in one call of `load`.
   * `load` answers with an array in the order of the ids it receives, or with a `Map` from id to
   * value.
   */
  getOrLoadMany<L extends T>(
    ids: readonly Id[],
    load: LoadMany<L, Id>,
    call?: CallOptions,
  ): Promise<(ValueOf<T, L> | null | undefined)[]>
  /**
   * Loads the value now, and replaces the cached one once the load has succeeded; until then, reads
   * get the old one. Calls of one process that come before the loader is called share its load. If
   * the new value can't be cached, or a writer or an invalidation came first, nothing is stored and
   * the old value is dropped. Rejects if the loader throws or Redis does not answer: the old value
   * stays.
   */
  refresh<L extends T | null | undefined>(
    id: Id,
    load: (context: LoadContext<T>) => L | Promise<L>,
    call?: Pick<CallOptions, 'signal'>,
  ): Promise<ValueOf<T, L>>
  /**
   * Returns the cached value, fresh or stale, and does not load. Returns `undefined` if there is no
   * entry, or if Redis does not answer.
   */
  peek(id: Id): Promise<T | null | undefined>
  /**
   * Returns whether the value is cached, fresh or stale, and does not load. The remembered fact
   * that there is none (`negativeTtl`) counts. An entry that can't be decoded does not: like
   * `peek`, this reads the whole entry. Returns `false` if Redis does not answer.
   */
  has(id: Id): Promise<boolean>
  /**
   * Stores a value that you know to be current, for its ttl (`'never'`: it does not expire).
   * Resolves to `false` if a writer was under way, or if the value is older than the cached one;
   * the next read loads. Rejects if Redis does not answer, and with `CodecError` before anything is
   * sent.
   */
  set(id: Id, value: T, options?: { readonly ttl?: Ttl }): Promise<boolean>
  /**
   * Deletes one entry or several. Resolves to the number of deleted entries. Rejects if Redis does
   * not answer: the entries may still be there.
   */
  invalidate(ids: Id | readonly Id[]): Promise<number>
  /**
   * Makes entries stale: they stay only for `staleWhileRevalidate` and `staleIfError`, and the next
   * read reloads them. Entries that did not expire do so from then on.
   */
  expire(ids: Id | readonly Id[]): Promise<number>
  /**
   * Makes all entries of the cache invalid, in O(1). A read that begins after `clear` was
   * acknowledged never returns a value that was cached or loaded before, in any process; loads that
   * are under way can no longer store their value for it. The old entries stay in Redis until they
   * are read again or expire.
   *
   * It needs the option `clearable`, and rejects with `UsageError` without it. Rejects if Redis
   * does not answer: the cache may then be cleared later, or not at all.
   */
  clear(): Promise<void>
  /**
   * Runs `change`, which changes the source, and drops the entries of `ids`. Before `change`
   * begins, the ttl of the old values is capped at `intentTtl`. A process that dies right after its
   * change therefore leaves nothing stale beyond that.
   *
   * Rejects with the error of `change`. Rejects with `CacheUnavailableError`, without running
   * `change`, if Redis does not answer. Rejects with `CacheWriteError` (`stored: true`, and its
   * `result`) if Redis went away after the change.
   */
  mutate<R>(ids: Id | readonly Id[], change: () => R | Promise<R>): Promise<R>
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
}

/**
 * What a read of a cache of `T` resolves to, whose loader returns `L`. A cache without a type of
 * its own (`unknown`) holds what its loaders return.
 */
export type ValueOf<T, L> = unknown extends T ? L : T | Extract<L, null | undefined>

/** The rows of `AsideOptions`. */
export const asideOptions = {
  client: clientOption,
  prefix: givenOption(),
  key: functionOption(),
  intentTtl: durationOption('5s'),
  ...clearableOptions,
  ...loadPolicyOptions,
} satisfies OptionTable<AsideOptions<any, any>>

/**
 * Creates a cache-aside: a read returns the cached value, or calls your loader and caches its
 * answer.
 *
 * The type argument is the type of the values. Without it, the type comes from the option `schema`
 * or `version`, or else each read has the type of its own loader. Then nothing checks that all
 * loaders of one id return the same type.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const products = createAside<Product>({ client, prefix: 'product', ttl: '1h' })
 * const product = await products.getOrLoad(42, () => db.product(42))
 */
export function createAside<T = unknown, Id = KeyPart>(options: AsideOptions<T, Id>): Aside<T, Id> {
  return asideOf(readCacheOptions('createAside', asideOptions, options)).cache
}

/** Creates a cache-aside, and its reads, from checked options. */
export function asideOf<T, Id>(
  options: CheckedOptions<typeof asideOptions, AsideOptions<T, Id>>,
): { readonly cache: Aside<T, Id>; readonly reads: ReadsById<T, Id> } {
  const { client, intentTtl } = options
  const prefix = checkPrefix('prefix', options.prefix, client.namespace)
  const keyOf = keyById(client, prefix, options.key)
  const keysOf = (ids: Id | readonly Id[]): string[] =>
    Array.isArray(ids) ? ids.map((id: Id) => keyOf(id)) : [keyOf(ids as Id)]
  const policy = new LoadPolicy<T>(options)
  warnAboutSharedPrefix(client, prefix, {
    kind: policy.clearable ? 'entries of a clearable cache' : 'entries',
    codec: options.codec,
    schema: options.schema,
  })
  const path = new ReadPath<T>(client, prefix, policy)
  const reads = readsById<T, Id>(path, keyOf)
  const { entries } = client

  const cache: Aside<T, Id> = {
    getOrLoad: <L extends T | null | undefined>(
      id: Id,
      load: (context: LoadContext<T>) => L | Promise<L>,
      call?: CallOptions,
    ) => reads.one(id, load, call) as Promise<ValueOf<T, L>>,

    getOrLoadMany: <L extends T>(ids: readonly Id[], load: LoadMany<L, Id>, call?: CallOptions) =>
      reads.many(ids, load as unknown as LoadMany<T, Id>, call) as Promise<
        (ValueOf<T, L> | null | undefined)[]
      >,

    refresh: async <L extends T | null | undefined>(
      id: Id,
      load: (context: LoadContext<T>) => L | Promise<L>,
      call?: Pick<CallOptions, 'signal'>,
    ) => (await path.refresh(keyOf(id), load, { signal: call?.signal })) as ValueOf<T, L>,

    peek: async (id) => path.peek(keyOf(id)),

    has: async (id) => path.has(keyOf(id)),

    async set(id, value, { ttl } = {}) {
      const key = keyOf(id)
      const stored = policy.storing(value, {
        ttl: ttl === undefined ? undefined : parseTtl(ttl, 'ttl'),
      })
      return path.changing(
        [key],
        async () =>
          stored ? path.put(key, value, stored) : (await entries.invalidate([key]), false),
        'writes',
      )
    },

    async invalidate(ids) {
      const keys = keysOf(ids)
      return path.changing(keys, () => entries.invalidate(keys), 'invalidations')
    },

    async expire(ids) {
      const keys = keysOf(ids)
      return path.changing(keys, () => entries.expire(keys, policy.staleBelow), 'invalidations')
    },

    async mutate(ids, change) {
      const keys = keysOf(ids)
      return path.changing(
        keys,
        () => writeSource(client, { keys, intentTtl, change }),
        'invalidations',
      )
    },

    async beginMutation(ids, mutationOptions) {
      const keys = keysOf(ids)
      return openMutation(client, {
        keys,
        intentTtl,
        options: mutationOptions,
        around: (work, step) =>
          path.changing(keys, work, step === 'commit' ? 'invalidations' : undefined),
      })
    },

    clear: () => path.clear(),

    stats: () => path.stats(),

    idle: () => path.idle(),
  }
  return { cache, reads }
}
