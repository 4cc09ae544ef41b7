import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import pg from 'pg'
import { createTables } from './schema.js'

// The tests use the Postgres of `DATABASE_URL`, or an embedded one. That one accepts no other query
// while a transaction is open, and its socket mixes up queries that several connections send at the
// same time: a test that does so uses `embedded`.

/** Runs the query of a connection. A hook may wait before or after it, or answer itself. */
export type Hook = (sql: string, run: () => Promise<unknown>) => Promise<unknown>

type Callback = (error: unknown, result?: unknown) => void

export interface Database {
  /** Creates a pool of connections. */
  pool(options?: { readonly hook?: Hook; readonly max?: number }): pg.Pool
  /** The embedded Postgres, which answers concurrent queries one after the other. */
  readonly embedded: PGlite | undefined
  /** Opens a connection, which the caller ends. */
  connect(): Promise<pg.Client>
  /** Runs statements that no cache knows about. */
  run(sql: string): Promise<void>
  /** Creates the tables anew: three users, the first two with a post each, and eight counters. */
  reset(): Promise<void>
  stop(): Promise<void>
}

export async function startDatabase(schema: string): Promise<Database> {
  const embedded = process.env.DATABASE_URL === undefined ? await startEmbedded() : undefined
  const connectionString = process.env.DATABASE_URL ?? embedded!.url
  const pools: pg.Pool[] = []
  const pool: Database['pool'] = ({ hook, max = 4 } = {}) => {
    class Client extends pg.Client {
      override query(...args: any[]): any {
        const [{ text = args[0] as unknown }] = args
        if (!hook || typeof text !== 'string') return super.query(...(args as [any]))
        // A pool passes a callback.
        const callback = typeof args.at(-1) === 'function' ? (args.pop() as Callback) : undefined
        const answer = hook(text, () => super.query(...(args as [any])) as Promise<unknown>)
        if (!callback) return answer
        answer.then((result) => callback(undefined, result), callback)
      }
    }
    const created = new pg.Pool({
      connectionString,
      max,
      Client,
      options: `-c search_path=${schema}`,
    })
    created.on('error', () => undefined) // An idle connection has ended.
    pools.push(created)
    return created
  }
  const admin = pool({ max: 1 })
  const run = async (sql: string): Promise<void> => void (await admin.query(sql))
  return {
    embedded: embedded?.db,
    pool,
    async connect() {
      const client = new pg.Client({ connectionString, options: `-c search_path=${schema}` })
      await client.connect()
      return client
    },
    run,
    async reset() {
      // All connections of the embedded Postgres share their prepared statements.
      if (embedded) await run('deallocate all')
      await run(`drop schema if exists ${schema} cascade; create schema ${schema};
        set search_path to ${schema}; ${createTables}
        insert into users values (1, 'Ada'), (2, 'Grace'), (3, 'Barbara');
        insert into posts values (1, 1, 'engines'), (2, 2, 'compilers');
        insert into counters select id, 0 from generate_series(1, 8) as id;
        refresh materialized view user_count`)
    },
    async stop() {
      await Promise.all(pools.map((created) => created.end()))
      await embedded?.stop()
    },
  }
}

async function startEmbedded() {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 100 })
  await server.start()
  return {
    db,
    url: `postgres://postgres@${server.getServerConn()}/postgres`,
    stop: () => server.stop().then(() => db.close()),
  }
}
