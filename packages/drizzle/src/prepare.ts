import type { Duration } from '@cache/core'
import { fillPlaceholders } from 'drizzle-orm'
import type { WithCacheConfig } from 'drizzle-orm/cache/core/types'
import { calls } from './calls.js'
import type { Engine } from './engine.js'
import { queryHash } from './query-hash.js'
import type { CachedSession, PreparedQuery, Session } from './session-types.js'
import { describeStatement, type Statement } from './statement.js'
import { ttlOf } from './ttl-config.js'

/** Prepares a query of Drizzle, and replaces the method that executes it. */
export function prepare(
  session: CachedSession,
  prepareQuery: Session['prepareQuery'],
  args: Parameters<Session['prepareQuery']>,
): PreparedQuery {
  const { engine } = session
  const [query, fields, name, isArrayMode, mapper, metadata, config, ...rest] = args
  const statement = describeStatement(
    engine.tables,
    query.sql,
    metadata,
    typeof mapper === 'function',
  )
  const chosen = calls.getStore()
  const settings = statement.does === 'read' ? cacheSettings(engine, config) : undefined
  if (chosen?.does === 'choose') chosen.prepared = true
  if (statement.does === 'read' && settings) {
    const prepared = prepareQuery(
      query,
      fields,
      name,
      isArrayMode,
      mapper,
      { type: 'select', tables: [...statement.tables] },
      // Drizzle would hash the parameters as JSON, which refuses bigints. A tag prevents it; the
      // name of the entry is in `calls`.
      { enable: true, autoInvalidate: true, tag: '@cache/drizzle' },
      ...rest,
    )
    return withExecute(prepared, readWith(session, prepared, statement, settings))
  }
  const prepared = prepareQuery(query, fields, name, isArrayMode, mapper, metadata, config, ...rest)
  if (statement.does === 'write')
    return withExecute(prepared, writeWith(session, prepared, statement))
  return withExecute(prepared, bypassWith(session, prepared))
}

/** How the rows of a query are cached. */
interface CacheSettings {
  readonly ttl: Duration | undefined
  readonly tag: string | undefined
  readonly autoInvalidate: boolean
}

/** Returns how to cache a query; `undefined`: not at all. */
function cacheSettings(
  engine: Engine,
  config: WithCacheConfig | undefined,
): CacheSettings | undefined {
  const call = calls.getStore()
  if (call?.does === 'choose') return call.options
  if (config === undefined)
    return engine.strategy === 'all'
      ? { ttl: undefined, tag: undefined, autoInvalidate: true }
      : undefined
  if (!config.enable) return undefined
  const { tag, autoInvalidate = true } = config
  return { ttl: ttlOf(config.config), tag, autoInvalidate }
}

type Execute = PreparedQuery['execute']

function withExecute(prepared: PreparedQuery, execute: Execute): PreparedQuery {
  prepared.execute = execute
  return prepared
}

/** Executes a query whose rows are cached. */
function readWith(
  session: CachedSession,
  prepared: PreparedQuery,
  statement: Statement & { does: 'read' | 'write' },
  { ttl, tag, autoInvalidate }: CacheSettings,
): Execute {
  const execute = prepared.execute.bind(prepared)
  const { engine } = session
  const { sql, params } = prepared.getQuery()
  const groups = [
    ...(autoInvalidate ? engine.groupsOf(statement.tables) : []),
    ...(tag === undefined ? [] : [engine.groupOfTag(tag)]),
  ]
  // Nothing would ever make the rows invalid.
  const isCacheable = statement.tables.size > 0 || !autoInvalidate
  return (values, ...rest) => {
    const run = (): Promise<unknown> => execute(values, ...rest)
    if (session.scope || !isCacheable) return bypass(session, run)
    const name = tag ?? queryHash(sql, fillPlaceholders(params, values ?? {}))
    if (name === undefined) return bypass(session, run)
    // A read joins one with the same key that is under way: its groups have to be the same too.
    const kind = tag === undefined ? 'query' : 'tag'
    const key = autoInvalidate ? [kind, name] : [kind, 'manual', name]
    const query = { key, groups }
    return calls.run({ does: 'read', query, ttl, execute: run }, run)
  }
}

/** Executes a statement that writes, in a mutation of its tables or in that of the transaction. */
function writeWith(
  session: CachedSession,
  prepared: PreparedQuery,
  statement: Statement & { does: 'read' | 'write' },
): Execute {
  const execute = prepared.execute.bind(prepared)
  const { engine } = session
  const groups = engine.groupsOf(statement.tables)
  return async (...args) => {
    const { scope } = session
    const run = (): Promise<unknown> => calls.run({ does: 'write' }, () => execute(...args))
    return scope ? scope.run(groups, run) : engine.mutate(groups, run)
  }
}

/** Executes a statement that the cache has nothing to do with. */
function bypassWith(session: CachedSession, prepared: PreparedQuery): Execute {
  const execute = prepared.execute.bind(prepared)
  return (...args) => bypass(session, () => execute(...args))
}

/** Executes a statement without the cache, in its order within a transaction. */
function bypass({ scope }: CachedSession, execute: () => Promise<unknown>): Promise<unknown> {
  const run = (): Promise<unknown> => calls.run({ does: 'bypass' }, execute)
  return scope ? scope.run([], run) : run()
}
