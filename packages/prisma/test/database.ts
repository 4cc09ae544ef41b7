import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { createTables } from './tables.js'

// The tests use the Postgres of `DATABASE_URL`, or an embedded one. That one has a single
// connection, which all clients share: while a transaction is open, other queries wait.

/** Runs a statement of a client. A hook may wait before or after it, or answer itself. */
export type Hook = (sql: string, run: () => Promise<unknown>) => Promise<unknown>

export interface Database {
  /** Whether only one transaction can be open at a time. */
  readonly isEmbedded: boolean
  /** Creates a driver adapter with connections of its own, like those of another process. */
  adapter(hook?: Hook): PrismaPg
  /** Runs statements that no cache knows about. */
  run(sql: string): Promise<void>
  /** Creates the tables and their rows anew. */
  reset(): Promise<void>
  stop(): Promise<void>
}

export async function startDatabase(schema: string): Promise<Database> {
  const embedded = process.env.DATABASE_URL === undefined ? await startEmbedded() : undefined
  const connectionString = process.env.DATABASE_URL ?? embedded!.url
  const pools: pg.Pool[] = []
  const pool = (max: number): pg.Pool => {
    const created = new pg.Pool({ connectionString, max, options: `-c search_path=${schema}` })
    created.on('error', () => undefined) // An idle connection has ended.
    created.setMaxListeners(100)
    pools.push(created)
    return created
  }
  const admin = pool(1)
  const run = async (sql: string): Promise<void> => void (await admin.query(sql))
  return {
    isEmbedded: embedded !== undefined,
    adapter: (hook) => hooked(new PrismaPg(embedded ? admin : pool(4), { schema }), hook),
    run,
    reset: () =>
      run(`drop schema if exists ${schema} cascade; create schema ${schema};
        set search_path to ${schema}; ${createTables}`),
    async stop() {
      await Promise.all(pools.map((created) => created.end()))
      await embedded?.stop()
    },
  }
}

/** Calls a hook for each statement of an adapter, of its connections and of their transactions. */
function hooked<T extends object>(adapter: T, hook: Hook | undefined): T {
  if (!hook) return adapter
  return new Proxy(adapter, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      const call = (...args: unknown[]) => value.apply(target, args) as unknown
      if (property === 'queryRaw' || property === 'executeRaw')
        return (query: { readonly sql: string }) =>
          hook(query.sql, async () => call(query) as Promise<unknown>)
      if (property === 'commit') return () => hook('commit', async () => call() as Promise<unknown>)
      if (property === 'connect' || property === 'startTransaction')
        return async (...args: unknown[]) => hooked((await call(...args)) as object, hook)
      return call
    },
  })
}

export async function startEmbedded() {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0 })
  await server.start()
  return {
    url: `postgres://postgres@${server.getServerConn()}/postgres`,
    run: (sql: string) => db.exec(sql),
    stop: () => server.stop().then(() => db.close()),
  }
}
