import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import pg from 'pg'

export interface Database {
  /** A value for `DATABASE_URL`. Other processes can use it too. */
  readonly url: string
  close(): Promise<void>
}

/** Starts an in-memory Postgres in this process. Others reach it over a socket on loopback. */
export async function startEmbeddedPostgres(): Promise<Database> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 50 })
  await server.start()
  return {
    url: `postgres://postgres@${server.getServerConn()}/postgres`,
    async close() {
      await server.stop()
      await db.close()
    },
  }
}

/** Returns the Postgres at `DATABASE_URL` if it is set, or starts an embedded one. */
export async function findPostgres(): Promise<Database> {
  const url = process.env.DATABASE_URL
  return url ? { url, close: async () => undefined } : startEmbeddedPostgres()
}

export function connectPostgres(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  // An idle connection has ended. The next query opens another one.
  pool.on('error', () => undefined)
  return pool
}
