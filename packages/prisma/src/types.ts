import type { CacheClient, Codec, Duration, LoadPolicyOptions } from '@cache/core'

/** The part of the namespace `Prisma` of a generated client that the cache needs. */
export interface PrismaNamespace {
  /** The class of decimals in results. */
  readonly Decimal: {
    new (value: string): object
    isDecimal(value: unknown): boolean
  }
  readonly DbNull: unknown
  readonly JsonNull: unknown
  readonly AnyNull: unknown
}

/**
 * Options of `createPrismaCache`. The options that all caches have in common are those of
 * `LoadPolicyOptions`.
 */
export interface PrismaCacheOptions extends Omit<
  LoadPolicyOptions<any>,
  'ttl' | 'codec' | 'schema' | 'version' | 'negativeTtl'
> {
  /** The cache client to use. */
  readonly client: CacheClient
  /**
   * The namespace of your generated client, which you import from it together with
   * `PrismaClient`. Cached decimals are instances of its `Decimal`.
   */
  readonly Prisma: PrismaNamespace
  /**
   * The first part of every key of this cache, after the client's namespace. Each database needs
   * another one. Default 'prisma'.
   */
  readonly prefix?: string
  /**
   * Which reads are cached. `'explicit'`: those through `$withCache()`. `'all'`: every read, except
   * those through `$withCache(false)`. Default 'explicit'.
   */
  readonly strategy?: 'explicit' | 'all'
  /**
   * How long results are fresh, unless `$withCache` says otherwise. Required, unless the
   * client has a default. Default: that of the client.
   */
  readonly ttl?: Duration
  /**
   * Models that change or show other rows with a model, by its name, in ways that the schema does
   * not say: views, triggers, foreign keys that only the database knows. A write of a model counts
   * as a write of the models listed here too.
   */
  readonly dependents?: Readonly<Record<string, readonly string[]>>
  /**
   * How long an operation may take. The `timeout` of an interactive transaction is added to it. A
   * process that dies in between leaves old results in the cache for at most this long. Default
   * 5 s.
   */
  readonly intentTtl?: Duration
  /** Encodes results as bytes. Default `v8`, which keeps dates, bigints and bytes. */
  readonly codec?: Codec<any>
}

/** Options of `$withCache`. */
export interface ReadOptions {
  /** How long the result is fresh. Default: the `ttl` of the cache. */
  readonly ttl?: Duration
  /** Labels of the result. `$invalidate({ tags })` makes all results with one of them invalid. */
  readonly tags?: readonly string[]
  /**
   * Whether a write of a model of the query makes the result invalid. With `false`, it lives for
   * its ttl or until one of its tags is invalidated. Default `true`.
   */
  readonly autoInvalidate?: boolean
}

/**
 * What `$withCache` accepts. A duration is the `ttl`. `false`: the reads ask the database.
 */
export type CacheChoice = false | Duration | ReadOptions

/** What has changed. */
export interface Changed {
  /** Names of models whose rows have changed. */
  readonly models?: string | readonly string[]
  /** Tags of results to drop. */
  readonly tags?: string | readonly string[]
}
