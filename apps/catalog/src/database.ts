import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import pg from 'pg'

export interface Database {
  /** For `DATABASE_URL`, also of other processes. */
  readonly url: string
  close(): Promise<void>
}

/** A Postgres of this process, in memory, that others reach over a socket on loopback. */
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

/** `DATABASE_URL` if it is set, else an embedded Postgres. */
export async function findPostgres(): Promise<Database> {
  const url = process.env.DATABASE_URL
  return url ? { url, close: async () => undefined } : startEmbeddedPostgres()
}

export function connectPostgres(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  // a connection that was idle has ended; the next query opens another
  pool.on('error', () => undefined)
  return pool
}
