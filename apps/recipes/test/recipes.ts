import type { CacheClient } from '@cache/core'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { PrismaClient } from '../generated/client.js'
import { createProducts as withDrizzle } from '../src/drizzle.js'
import { createProducts as withPg } from '../src/pg.js'
import { createProducts as withPrisma } from '../src/prisma.js'

export interface Product {
  readonly id: number
  readonly name: string
}

export interface Products {
  get(id: number): Promise<Product | null | undefined>
  rename(id: number, name: string): Promise<void>
}

/** Creates the products of each recipe on a pool of connections. */
export const recipes = {
  pg: (client: CacheClient, pool: pg.Pool): Products => withPg(client, pool),
  Prisma(client: CacheClient, pool: pg.Pool): Products {
    return withPrisma(client, new PrismaClient({ adapter: new PrismaPg(pool, { schema: SCHEMA }) }))
  },
  Drizzle: (client: CacheClient, pool: pg.Pool): Products =>
    withDrizzle(client, drizzle({ client: pool })),
}

/** The schema of the tables. Only these tests use it. */
export const SCHEMA = 'cache_recipes'

export type Recipe = keyof typeof recipes

/** Functions to call before and after each COMMIT of a pool's connections. */
export interface CommitHooks {
  before?(): Promise<void>
  after?(): Promise<void>
}

/** Creates a pool whose connections call the hooks around COMMIT, whichever library sends it. */
export function poolWithCommitHooks(connectionString: string, hooks: CommitHooks) {
  const clients: pg.Client[] = []
  class Client extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      clients.push(this)
      this.on('error', () => undefined)
    }

    override query(...args: any[]): any {
      const [{ text = args[0] as unknown }] = args
      if (typeof text !== 'string' || !/^commit/i.test(text)) return super.query(...(args as [any]))
      return (async () => {
        await hooks.before?.()
        const result = await super.query(...(args as [any]))
        await hooks.after?.()
        return result as unknown
      })()
    }
  }
  const pool = new pg.Pool({ connectionString, max: 2, Client })
  pool.on('connect', (connection) => void connection.query(`set search_path to ${SCHEMA}`))
  pool.on('error', () => undefined) // An idle connection has ended.
  // pool.end() would hang, because Prisma does not release a connection whose COMMIT was refused.
  return { pool, close: () => Promise.all(clients.map((client) => client.end())) }
}
