import type { CacheClient, Codec, Duration, LoadPolicyOptions } from '@cache/core'
import type { PgMaterializedView, PgTable, PgView } from 'drizzle-orm/pg-core'

/** A table or view of the database, or its name: `'users'`, or `'auth.users'` in a schema. */
export type TableLike = PgTable | PgView | PgMaterializedView | string

/**
 * Options of `createDrizzleCache`. The options that all caches have in common are those of
 * `LoadPolicyOptions`.
 */
export interface DrizzleCacheOptions extends Omit<
  LoadPolicyOptions<any>,
  'ttl' | 'codec' | 'schema' | 'version' | 'negativeTtl'
> {
  /** The cache client to use. */
  readonly client: CacheClient
  /**
   * The tables and views of the database, such as the module of your schema:
   * `import * as tables from './schema.js'`. Everything else in it is ignored. A table that is
   * missing here is not seen in subqueries, relations and cascades.
   */
  readonly tables: Readonly<Record<string, unknown>>
  /**
   * The first part of every key of this cache, after the client's namespace. Each database needs
   * another one. Default 'sql'.
   */
  readonly prefix?: string
  /**
   * Which queries are cached. `'explicit'`: those with `$withCache()`, and those that you pass to
   * `read`. `'all'`: every select and relational query, unless it has `$withCache(false)`. Default
   * 'explicit'.
   */
  readonly strategy?: 'explicit' | 'all'
  /**
   * How long rows are fresh, unless `$withCache` says otherwise. Required, unless the client has a
   * default. Default: that of the client.
   */
  readonly ttl?: Duration
  /**
   * Tables that change or show other rows with a table, by its name, in ways that the schema does
   * not say: triggers, views that are declared as existing, foreign keys that only the database
   * knows. A write of a table counts as a write of the tables listed here too.
   */
  readonly dependents?: Readonly<Record<string, readonly string[]>>
  /**
   * How long a statement or transaction may take from its first write to its commit. A process that
   * dies in between leaves old rows in the cache for at most this long. Default 5 s.
   */
  readonly intentTtl?: Duration
  /** Encodes rows as bytes. Default `v8`, which keeps binary columns. */
  readonly codec?: Codec<any>
}

/** Options of `read`, and what `$withCache` accepts. */
export interface ReadOptions {
  /** How long the rows are fresh. Default: the `ttl` of the cache. */
  readonly ttl?: Duration
  /**
   * A name for the entry. `db.$cache.invalidate({ tags })` drops it. Queries with the same tag
   * share their rows, so it has to be different for each query and its parameters. Default: a hash
   * of the query and its parameters.
   */
  readonly tag?: string
  /**
   * Whether a write of a table of the query makes the rows invalid. With `false`, they live for
   * their ttl or until their tag is invalidated. Default `true`.
   */
  readonly autoInvalidate?: boolean
}

/** What `onMutate` and `invalidate` change. */
export interface Changed {
  /** Tables whose rows have changed. */
  readonly tables?: unknown
  /** Tags of entries to drop. */
  readonly tags?: string | string[]
}
