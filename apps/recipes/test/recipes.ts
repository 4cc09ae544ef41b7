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

/** Each recipe on a pool of connections. */
export const recipes = {
  pg: (client: CacheClient, pool: pg.Pool): Products => withPg(client, pool),
  Prisma(client: CacheClient, pool: pg.Pool): Products {
    return withPrisma(client, new PrismaClient({ adapter: new PrismaPg(pool, { schema: SCHEMA }) }))
  },
  Drizzle: (client: CacheClient, pool: pg.Pool): Products =>
    withDrizzle(client, drizzle({ client: pool })),
}

/** Where the tables are: nobody else's. */
export const SCHEMA = 'cache_recipes'

export type Recipe = keyof typeof recipes

/** What is done around each COMMIT of a pool's connections. */
export interface AroundCommit {
  before?(): Promise<void>
  after?(): Promise<void>
}

/** A pool whose connections stop before and after COMMIT, whoever sends it. */
export function poolThatStops(connectionString: string, around: AroundCommit) {
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
        await around.before?.()
        const result = await super.query(...(args as [any]))
        await around.after?.()
        return result as unknown
      })()
    }
  }
  const pool = new pg.Pool({ connectionString, max: 2, Client })
  pool.on('connect', (connection) => void connection.query(`set search_path to ${SCHEMA}`))
  pool.on('error', () => undefined) // a connection that was idle has ended
  // Not pool.end(): Prisma does not give back a connection whose COMMIT was refused.
  return { pool, close: () => Promise.all(clients.map((client) => client.end())) }
}
