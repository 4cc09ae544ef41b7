import {
  parseDuration,
  type CacheClient,
  type CallOptions,
  type Duration,
  type KeyPart,
  type LoadContext,
  type LoadMany,
  type LoadPolicyOptions,
  type Mutation,
} from '@cache/core'
import {
  checkClient,
  LoadPolicy,
  ReadPath,
  checkOptions,
  checkPrefix,
  keyById,
  loadPolicyOptions,
  openMutation,
  readsById,
  writeSource,
  type OptionChecks,
} from '@cache/core/internal'

export interface AsideOptions<T, Id = KeyPart> extends LoadPolicyOptions<T> {
  readonly client: CacheClient
  /** What the keys of this cache begin with, behind the client's namespace. */
  readonly prefix: string
  /** The key parts of an id. Default: the id itself. */
  readonly key?: (id: Id) => KeyPart | readonly KeyPart[]
  /**
   * How long `mutate` may take; a process that dies in it leaves the old value at most this much
   * longer. Default 5 s.
   */
  readonly intentTtl?: Duration
}

/**
 * Cache-aside. Promises: a read that begins after `invalidate`, `mutate` or `set` of its id was
 * acknowledged, in any process, never returns what was loaded before; one loader runs for a cold
 * key among all processes; a read answers, from the source, with Redis down.
 *
 * Ids are strings, numbers or bigints, or whatever `key` takes; never arrays, which stand for many
 * ids.
 */
export interface Aside<T, Id = KeyPart> {
  /**
   * The cached value, or what `load` answers. Rejects with the loader's own error. `null` and
   * `undefined` mean "there is none".
   */
  getOrLoad<L extends T | null | undefined>(
    id: Id,
    load: (context: LoadContext<T>) => L | Promise<L>,
    call?: CallOptions,
  ): Promise<T | Extract<L, null | undefined>>
  /**
   * The values in the order of `ids`; what is missing is loaded in one call. It answers with an
   * array in the order of the ids it was given, or with a `Map` from id to value.
   */
  getOrLoadMany(
    ids: readonly Id[],
    load: LoadMany<T, Id>,
    call?: CallOptions,
  ): Promise<(T | null | undefined)[]>
  /**
   * What is cached, fresh or stale; nothing is loaded. `undefined` where there is nothing, or Redis
   * does not answer.
   */
  peek(id: Id): Promise<T | null | undefined>
  /**
   * Stores a value that you know to be current, for its ttl. `false`: a writer was under way, or
   * the value is older than the one there; the next read loads. Rejects when Redis does not answer,
   * and with `CodecError` before anything is sent.
   */
  set(id: Id, value: T, options?: { readonly ttl?: Duration }): Promise<boolean>
  /**
   * Deletes one entry or many. Resolves to how many there were. Rejects when Redis does not answer:
   * they may still be there.
   */
  invalidate(ids: Id | readonly Id[]): Promise<number>
  /**
   * Makes entries stale: kept for `staleWhileRevalidate` and `staleIfError` only, and reloaded on
   * the next read.
   */
  expire(ids: Id | readonly Id[]): Promise<number>
  /**
   * Runs `change`, which changes the source, and drops the entries it concerns. Before it begins,
   * the old values are given no longer than `intentTtl`, so that even a process that dies right
   * after its change leaves nothing stale beyond that.
   *
   * Rejects with the error of `change`; without running it, with `CacheUnavailableError`, if Redis
   * does not answer; with `CacheWriteError` (`stored: true`, and its `result`) if Redis went away
   * after it.
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
  /**
   * Resolves once nothing is reloaded in the background any more. For the end of a process, or of a
   * serverless function.
   */
  idle(): Promise<void>
}

export const asideOptions = ['client', 'prefix', 'key', 'intentTtl', ...loadPolicyOptions] as const

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const products = createAside<Product>({ client, prefix: 'product', ttl: '1h' })
 * const product = await products.getOrLoad(42, () => db.product(42))
 */
export function createAside<T, Id = KeyPart>(options: AsideOptions<T, Id>): Aside<T, Id> {
  return asideOf(checkOptions('createAside', options, asideOptions), options)
}

export function asideOf<T, Id>(check: OptionChecks, options: AsideOptions<T, Id>): Aside<T, Id> {
  const client = checkClient(check)
  const prefix = checkPrefix('prefix', options.prefix, client.namespace)
  const keyOf = keyById(
    client,
    prefix,
    check.function<(id: Id) => KeyPart | readonly KeyPart[]>('key'),
  )
  const keysOf = (ids: Id | readonly Id[]): string[] =>
    Array.isArray(ids) ? ids.map((id: Id) => keyOf(id)) : [keyOf(ids as Id)]
  const intentTtl = check.duration('intentTtl', 5_000)
  const policy = new LoadPolicy<T>(check, options)
  const path = new ReadPath<T>(client, prefix, policy)
  const reads = readsById<T, Id>(path, keyOf)
  const { entries } = client

  return {
    getOrLoad: <L extends T | null | undefined>(
      id: Id,
      load: (context: LoadContext<T>) => L | Promise<L>,
      call?: CallOptions,
    ) => reads.one(id, load, call) as Promise<T | Extract<L, null | undefined>>,

    getOrLoadMany: reads.many,

    peek: async (id) => path.peek(keyOf(id)),

    async set(id, value, { ttl } = {}) {
      const key = keyOf(id)
      const write = policy.storing(value, {
        ttl: ttl === undefined ? undefined : parseDuration(ttl, 'ttl'),
      })
      return path.changing([key], async () =>
        write
          ? entries.put(key, policy.format, value, write)
          : (await entries.invalidate([key]), false),
      )
    },

    async invalidate(ids) {
      const keys = keysOf(ids)
      return path.changing(keys, () => entries.invalidate(keys))
    },

    async expire(ids) {
      const keys = keysOf(ids)
      return path.changing(keys, () => entries.expire(keys, policy.staleBelow))
    },

    async mutate(ids, change) {
      const keys = keysOf(ids)
      return path.changing(keys, () => writeSource(client, { keys, intentTtl, change }))
    },

    async beginMutation(ids, own) {
      const keys = keysOf(ids)
      return openMutation(client, {
        keys,
        intentTtl:
          own?.intentTtl === undefined ? intentTtl : parseDuration(own.intentTtl, 'intentTtl'),
        around: (work) => path.changing(keys, work),
      })
    },

    idle: () => path.idle(),
  }
}
