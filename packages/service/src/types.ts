import type { ReadThrough, ReadThroughOptions } from '@cache/aside'
import type {
  CacheClient,
  CacheStats,
  CallOptions,
  Duration,
  GlobPattern,
  InvalidateMatchingOptions,
  KeyPart,
  LoadContext,
  LoadPolicyOptions,
  Ttl,
} from '@cache/core'
import type { Locks } from '@cache/lock'
import type { InvalidationBus, NearCacheClient, NearCacheOptions } from '@cache/pubsub-invalidation'
import type { RateLimiter, RateLimiterOptions } from '@cache/ratelimit'

/**
 * Options of `createCacheService`. The options on how values are loaded and how long they live are
 * those of every read-through cache; here they apply to all values of the service.
 */
export interface CacheServiceOptions extends Omit<
  LoadPolicyOptions<any>,
  'ttl' | 'schema' | 'version'
> {
  /** The cache client to use. */
  readonly client: CacheClient
  /**
   * Publishes invalidations to this process and others. With a bus, values are also kept in the
   * process.
   */
  readonly bus?: InvalidationBus
  /**
   * How much is kept in the process, and for how long: `maxEntries`, `maxBytes`, `ttl` and the
   * other options of a near cache. It needs a bus. Default: those of `withNearCache`.
   */
  readonly near?: Omit<NearCacheOptions, 'bus'>
  /** How long a value is fresh, or `'never'`: it does not expire. Default 1 h. */
  readonly ttl?: Ttl
  /**
   * How long `mutate` may take, here and in the caches that `remember` returns. A process that dies
   * during `mutate` leaves the old value for at most this much longer. Default 5 s.
   */
  readonly intentTtl?: Duration
}

/**
 * A key after the client's namespace: a text that is used unchanged (`'user:42:profile'`), or parts
 * that are escaped and may come from users (`['user', id, 'profile']`).
 */
export type CacheKey = string | readonly KeyPart[]

/** Options of `get`. */
export interface GetOptions extends CallOptions {
  /** How long the rebuilt value is fresh. Default: the service's `ttl`. */
  readonly ttl?: Ttl
}

interface BroadcastOptions {
  /**
   * With a bus, every change is published to all processes, because they may keep the value. `true`
   * states that you rely on it, and is refused without a bus. `false` is refused with a bus.
   */
  readonly broadcast?: boolean
}

/** Options of `bulkInvalidate`. */
export interface BulkInvalidateOptions
  extends Omit<InvalidateMatchingOptions, 'except'>, BroadcastOptions {}

/** Options of `remember`: those of `createReadThrough`. `ttl` defaults to the service's. */
export type RememberOptions<Loaded, Id> = Omit<ReadThroughOptions<Loaded, Id>, 'client' | 'ttl'> &
  Partial<Pick<ReadThroughOptions<Loaded, Id>, 'ttl'>>

/**
 * A whole caching strategy in one object. It guarantees what its patterns guarantee:
 *
 * - A read that begins after `set`, `invalidate`, `mutate`, `bulkInvalidate` or `increment` was
 *   acknowledged never returns a value that was loaded before, in any process. With a bus, this
 *   holds in another process once it has received the message. Either all services of a namespace
 *   have a bus, or none has.
 * - One rebuild runs for a cold key among all processes.
 * - A read with a rebuild is answered from the source while Redis is down.
 *
 * A value is stored as plain JSON at its key, so programs in other languages share it. Their writes
 * take no part in the protocol: a rebuild that is under way may store its value over theirs, and it
 * stays until its ttl ends.
 */
export interface CacheService extends AsyncDisposable {
  /**
   * Returns the cached value, fresh or stale. Returns `undefined` if there is none, or if Redis
   * does not answer.
   */
  get<T>(key: CacheKey): Promise<T | null | undefined>
  /**
   * Returns the cached value, or the answer of `rebuild`. `null` and `undefined` are cached for
   * `negativeTtl` or for a `ttl` of their own, and otherwise not at all. Rejects with the error of
   * `rebuild`.
   */
  get<T>(
    key: CacheKey,
    rebuild: (context: LoadContext<NonNullable<T>>) => T | Promise<T>,
    options?: GetOptions,
  ): Promise<T>
  /**
   * Stores a value that you know to be current. Resolves to `false` if another change of the key
   * was under way: nothing is cached, and the next read rebuilds. Rejects if Redis does not answer,
   * and with `CodecError` before anything is sent.
   */
  set(key: CacheKey, value: unknown, options?: { readonly ttl?: Ttl }): Promise<boolean>
  /**
   * Deletes an entry. Resolves to `false` if there was none. Rejects if Redis does not answer: the
   * entry may still be there.
   */
  invalidate(key: CacheKey, options?: BroadcastOptions): Promise<boolean>
  /**
   * Runs `change`, which changes the source, and drops the entries of `keys`. Before `change`
   * begins, the ttl of the old values is capped at `intentTtl`, so they end even if this process
   * dies right after the change. Rejects like `mutate` of `@cache/aside`.
   */
  mutate<R>(keys: readonly CacheKey[], change: () => R | Promise<R>): Promise<R>
  /**
   * Deletes all entries whose key matches a glob pattern, and resolves to their number. The pattern
   * must not begin with a wildcard. If you insert values into a pattern, make it with the tag
   * `glob`, which escapes them like the parts of keys.
   *
   * It deletes strings, which entries are; `locks`, lists, sets, hashes and streams stay. It looks
   * at every key in batches, and takes time in proportion to the keyspace. A key that moves to
   * another node meanwhile may be missed. With a bus, every process drops the values that it keeps
   * under keys with the literal prefix of the pattern.
   */
  bulkInvalidate(pattern: string | GlobPattern, options?: BulkInvalidateOptions): Promise<number>
  /**
   * Adds to a counter, and resolves to the sum. A counter that does not exist is 0. A `ttl` is set
   * once: it begins when the counter does.
   *
   * Rejects, and changes nothing, if the entry is no whole number, or if the sum would be beyond
   * ±(2^53 - 1). If the connection is lost on the way, the amount may have been added. It may have
   * been added twice by a Redis client that repeats commands without an answer, as ioredis does by
   * default.
   */
  increment(key: CacheKey, amount?: number, options?: { readonly ttl?: Duration }): Promise<number>
  /** Creates a read-through cache for one kind of value, with its own loader, on this client. */
  remember<Loaded, Id = KeyPart>(options: RememberOptions<Loaded, Id>): ReadThrough<Loaded, Id>
  /** The locks of this service. */
  readonly locks: Locks
  /** Creates a rate limiter on this client. */
  limiter(options: Omit<RateLimiterOptions, 'client'>): RateLimiter
  /** The client of the service, for further patterns. With a bus, it has a near cache. */
  readonly client: CacheClient | NearCacheClient
  /**
   * Returns counters of `get`, `set`, `increment` and the invalidations of this service, in this
   * process and since it was created. The caches of `remember` have their own.
   */
  stats(): CacheStats
  /**
   * Ends the near cache and releases the locks. The client and the bus stay open: they are yours.
   */
  close(): Promise<void>
}
