import { InvalidOptionError } from '@cache/core'
import { is } from 'drizzle-orm'
import { PgDatabase } from 'drizzle-orm/pg-core'
import { engineOf } from './engine.js'
import { cachedSession, sessionOf } from './session.js'

/**
 * Makes the cache of a database exact: writes run inside a mutation of the tables that they change,
 * and so do transactions. Changes the database that it gets, and returns it.
 *
 * - A read that begins after a write or transaction was acknowledged never returns rows from
 *   before, in any process. A query that was running during the write is never stored.
 * - Nothing that a transaction reads is cached, and no read within it comes from the cache.
 * - A write rejects with `CacheUnavailableError`, and nothing is changed, if Redis does not answer.
 *   If Redis stops answering after the database has committed, it rejects with `CacheWriteError`.
 *
 * @throws {InvalidOptionError} if `db` is no PostgreSQL database that was created with a cache of
 *   `createDrizzleCache`.
 * @example
 * const db = cachedDatabase(drizzle({ client: pool, cache: createDrizzleCache({ … }) }))
 */
export function cachedDatabase<Database extends PgDatabase<any, any, any>>(db: Database): Database {
  const engine = is(db, PgDatabase) ? engineOf(db.$cache) : undefined
  if (!engine)
    throw new InvalidOptionError(
      'db',
      'a PostgreSQL database of Drizzle: drizzle({ …, cache: createDrizzleCache({ … }) })',
      db,
    )
  cachedSession(sessionOf(db), engine)
  return db
}
