import { StartedReads } from '@cache/core/internal'
import type { GroupVersions } from '@cache/versioning'
import type { MutationOption } from 'drizzle-orm/cache/core'
import type { CacheConfig } from 'drizzle-orm/cache/core/types'
import type { CachedQuery } from './cached-query.js'
import type { Engine } from './engine.js'
import { storableRows } from './rows.js'
import { ttlOf } from './ttl-config.js'

/**
 * What the methods of the cache do in a database that was not passed to `cachedDatabase`. Nothing
 * tells when a statement ends, or whether it is in a transaction.
 */
export class ClassAlone {
  readonly #engine: Engine
  readonly #reads = new StartedReads<ReadStart>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Returns cached rows. If there are none, remembers the versions of the tables for `put`. */
  async get(
    name: string,
    tables: readonly string[],
    isTag: boolean,
    isAutoInvalidate: boolean,
  ): Promise<unknown> {
    // The tables of views and of some subqueries are missing.
    if (isAutoInvalidate && tables.length === 0) return undefined
    const groups = [
      ...(isAutoInvalidate ? this.#engine.groupsOf(tables) : []),
      ...(isTag ? [this.#engine.groupOfTag(name)] : []),
    ]
    const query = queryOf(name, isTag, groups)
    const rows = await this.#engine.rows.peek(query)
    if (rows !== undefined) return rows
    // Without a reply of Redis, the rows are not stored.
    const versions = await this.#engine.rows.versions(groups).catch(() => undefined)
    this.#reads.add(query.key.join(), versions && { groups, versions })
    return undefined
  }

  /** Stores rows, unless one of their tables may have changed since `get`. */
  async put(
    name: string,
    response: unknown,
    isTag: boolean,
    config: CacheConfig | undefined,
  ): Promise<void> {
    const start = this.#reads.take(queryOf(name, isTag, []).key.join())
    const rows = storableRows(response)
    const ttl = ttlOf(config)
    if (!start || rows === undefined) return
    const { groups, versions } = start
    try {
      await this.#engine.rows.set(queryOf(name, isTag, groups), rows, {
        versions,
        ...(ttl !== undefined && { ttl }),
      })
    } catch {
      // The caller gets its rows all the same. The error was reported on `cache:error`.
    }
  }

  /**
   * Makes rows invalid while a statement is running. Rows that are read before it commits live for
   * `intentTtl` at most, if it commits by then.
   */
  async onMutate(changed: MutationOption): Promise<void> {
    const groups = this.#engine.groupsIn(changed)
    if (groups.length === 0) return
    await this.#engine.begin(groups)
    await this.#engine.invalidate(groups)
  }
}

/** What was current when a read began. */
interface ReadStart {
  readonly groups: readonly string[]
  readonly versions: GroupVersions
}

function queryOf(name: string, isTag: boolean, groups: readonly string[]): CachedQuery {
  return {
    key: [isTag ? 'tag' : 'query', name],
    groups,
    load: () => Promise.reject(new Error('Drizzle loads the rows.')),
  }
}
