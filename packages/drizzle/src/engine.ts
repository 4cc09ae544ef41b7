import { InvalidOptionError, type Mutation, type MutationOptions } from '@cache/core'
import { createVersioned, type Versioned } from '@cache/versioning'
import type { CachedQuery, Rows } from './cached-query.js'
import { calls, type Call } from './calls.js'
import { readDrizzleCacheOptions } from './options.js'
import { storableRows } from './rows.js'
import { Tables, nameOf } from './tables.js'
import type { Changed, DrizzleCacheOptions } from './types.js'

/** What a cache and the sessions of its database share. */
export class Engine {
  readonly tables: Tables
  readonly strategy: 'explicit' | 'all'
  readonly rows: Versioned<Rows, CachedQuery>
  readonly #prefix: string

  constructor(options: DrizzleCacheOptions) {
    const { own, shared } = readDrizzleCacheOptions(options)
    this.tables = new Tables(own.tables, own.dependents)
    this.strategy = own.strategy
    this.#prefix = own.prefix
    this.rows = createVersioned<Rows, CachedQuery>({
      ...shared,
      key: (query) => query.key,
      groups: (query) => query.groups,
      load: (query, context) => query.load(context),
    })
  }

  /** Returns the group of a table. Its version changes with the rows of the table. */
  groupOf(table: string): string {
    return `${this.#prefix}.table.${table}`
  }

  /** Returns the group of a tag. */
  groupOfTag(tag: string): string {
    return `${this.#prefix}.tag.${tag}`
  }

  groupsOf(tables: Iterable<string>): string[] {
    return Array.from(tables, (table) => this.groupOf(table))
  }

  /**
   * Returns the groups of tables that a caller names, and of all that change with them.
   *
   * @throws {InvalidOptionError} if there are none.
   */
  groupsNamedBy(tables: unknown): string[] {
    const groups = this.#groupsChangedBy(tables)
    if (groups.length > 0) return groups
    throw new InvalidOptionError('tables', 'at least one table of Drizzle, or its name', tables)
  }

  #groupsChangedBy(tables: unknown): string[] {
    const names = asArray(tables).map((table) => nameOf(table))
    return this.groupsOf(this.tables.changedWith(names, 'rows'))
  }

  /** Returns the groups of what Drizzle, or a caller of `$cache.invalidate`, says has changed. */
  groupsIn({ tables, tags }: Changed): string[] {
    const tagGroups = asArray(tags).map((tag) => {
      if (typeof tag !== 'string' || tag === '')
        throw new InvalidOptionError('tags', 'a non-empty string, or an array of them', tag)
      return this.groupOfTag(tag)
    })
    return [...this.#groupsChangedBy(tables), ...tagGroups]
  }

  /** Runs a change, and makes all rows of the groups invalid before it resolves. */
  async mutate<R>(groups: readonly string[], change: () => R | Promise<R>): Promise<R> {
    return groups.length === 0 ? change() : this.rows.mutateGroups(groups, change)
  }

  /** Begins a change like that of `mutate`, for one that outlives the call. */
  begin(groups: readonly string[], options?: MutationOptions): Promise<Mutation> {
    return this.rows.beginGroupMutation(groups, options)
  }

  /** Makes all rows of the groups invalid. */
  async invalidate(groups: readonly string[]): Promise<void> {
    if (groups.length > 0) await this.rows.bump(groups)
  }

  /** Returns the rows of a query that a cached database executes. */
  read({ query, ttl, execute }: Call & { does: 'read' }): Promise<Rows> {
    return this.rows.get({
      ...query,
      async load(context) {
        const call: Call & { does: 'load' } = { does: 'load' }
        await calls.run(call, execute)
        const rows = storableRows(call.response)
        if (ttl !== undefined) context.ttl(ttl)
        if (rows === undefined) context.skip()
        return rows ?? (call.response as Rows)
      },
    })
  }
}

const engines = new WeakMap<object, Engine>()

/** Connects a cache with its engine, which `engineOf` returns. */
export function setEngine(cache: object, engine: Engine): void {
  engines.set(cache, engine)
}

/** Returns the engine of a cache; `undefined` for anything else. */
export function engineOf(cache: unknown): Engine | undefined {
  return engines.get(cache as object)
}

function asArray(value: unknown): readonly unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}
