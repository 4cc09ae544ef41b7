import { UsageError, type CacheStats, type Mutation, type MutationOptions } from '@cache/core'
import { Cache, type MutationOption } from 'drizzle-orm/cache/core'
import type { CacheConfig } from 'drizzle-orm/cache/core/types'
import { entityKind } from 'drizzle-orm'
import { calls, type Call } from './calls.js'
import { ClassAlone } from './class-alone.js'
import { Engine, setEngine } from './engine.js'
import { checkReadOptions } from './read-options.js'
import { nameOf } from './tables.js'
import type { DrizzleCacheOptions, ReadOptions, TableLike } from './types.js'

/**
 * Creates a cache for the rows of queries, tagged by the tables that they read. Pass it to
 * `drizzle`, and the database to `cachedDatabase`.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const cache = createDrizzleCache({ client, tables, ttl: '1m' })
 * const db = cachedDatabase(drizzle({ client: pool, cache }))
 * await db.select().from(users).$withCache()
 */
export function createDrizzleCache(options: DrizzleCacheOptions): DrizzleCache {
  return new DrizzleCache(options)
}

/**
 * The cache that Drizzle calls: its `Cache` class on a cache client. Use `createDrizzleCache`.
 *
 * In a database that was passed to `cachedDatabase`, a read that begins after a write was
 * acknowledged never returns rows from before. Without that, Drizzle calls `onMutate` while the
 * statement is running, and old rows may be returned for `intentTtl` after it.
 */
export class DrizzleCache extends Cache {
  static override readonly [entityKind]: string = 'DrizzleCache'
  readonly #engine: Engine
  readonly #alone: ClassAlone

  constructor(options: DrizzleCacheOptions) {
    super()
    this.#engine = new Engine(options)
    this.#alone = new ClassAlone(this.#engine)
    setEngine(this, this.#engine)
  }

  /** Which queries are cached: the option `strategy`. */
  override strategy(): 'explicit' | 'all' {
    return this.#engine.strategy
  }

  /** Returns the rows of a query. Drizzle calls it. */
  override async get(
    key: string,
    tables: string[],
    isTag: boolean,
    isAutoInvalidate = true,
  ): Promise<any[] | undefined> {
    const call = calls.getStore()
    if (call?.does === 'read') return (await this.#engine.read(call)) as any[]
    if (call) return undefined
    return (await this.#alone.get(key, tables, isTag, isAutoInvalidate)) as any[] | undefined
  }

  /** Stores the rows of a query. Drizzle calls it. */
  override async put(
    key: string,
    response: unknown,
    _tables: string[],
    isTag = false,
    config?: CacheConfig,
  ): Promise<void> {
    const call = calls.getStore()
    if (call?.does === 'load') call.response = response
    else if (!call) await this.#alone.put(key, response, isTag, config)
  }

  /** Makes the rows of tables invalid. Drizzle calls it while it executes a write. */
  override async onMutate(changed: MutationOption): Promise<void> {
    if (calls.getStore()?.does !== 'write') await this.#alone.onMutate(changed)
  }

  /**
   * Makes the rows of tables, or with tags, invalid. Use it after a change that Drizzle did not
   * execute. Resolves when Redis has acknowledged it. It is the same as `db.$cache.invalidate`.
   */
  get invalidate(): (changed: MutationOption) => Promise<void> {
    return async (changed) => this.#engine.invalidate(this.#engine.groupsIn(changed))
  }

  /** Drizzle assigns `onMutate`, which would keep the tables uncached for a while. */
  set invalidate(_onMutate: unknown) {
    // The method above stays.
  }

  /**
   * Executes a query and caches its rows, whatever the strategy is. This is the way to cache
   * relational queries, which have no `$withCache`. Within a transaction nothing is cached.
   *
   * @throws {UsageError} if the query does not belong to a database that was passed to
   *   `cachedDatabase`.
   * @example await cache.read(db.query.users.findMany({ with: { posts: true } }), { ttl: '10s' })
   */
  async read<R>(query: { execute(): Promise<R> }, options: ReadOptions = {}): Promise<R> {
    const call: Call & { does: 'choose' } = {
      does: 'choose',
      options: checkReadOptions(options),
      prepared: false,
    }
    const rows = await calls.run(call, () => query.execute())
    if (!call.prepared)
      throw new UsageError(
        'read() was called with a query that it can not cache. ' +
          'Pass a query that is not prepared, of a database of cachedDatabase().',
      )
    return rows
  }

  /**
   * Runs `change`, which writes these tables in a way that Drizzle does not tell the cache: raw
   * SQL, `db.batch`, another library. Their rows are invalid before it resolves.
   *
   * Rejects with `CacheUnavailableError` without running `change` if Redis does not answer.
   *
   * @example await cache.mutate([users], () => db.execute(sql`update users set …`))
   */
  async mutate<R>(
    tables: TableLike | readonly TableLike[],
    change: () => R | Promise<R>,
  ): Promise<R> {
    return this.#engine.mutate(this.#engine.groupsNamedBy(tables), change)
  }

  /** Begins a change like that of `mutate`, for one that outlives the call. */
  async beginMutation(
    tables: TableLike | readonly TableLike[],
    options?: MutationOptions,
  ): Promise<Mutation> {
    return this.#engine.begin(this.#engine.groupsNamedBy(tables), options)
  }

  /**
   * Returns the group of a table. A cache of `@cache/versioning` in the same namespace whose groups
   * include it becomes invalid with the table.
   */
  groupOf(table: TableLike): string {
    return this.#engine.groupOf(nameOf(table))
  }

  /** Returns what the cache has done in this process. */
  stats(): CacheStats {
    return this.#engine.rows.stats()
  }

  /** Resolves when no reload is running in the background. */
  idle(): Promise<void> {
    return this.#engine.rows.idle()
  }
}
