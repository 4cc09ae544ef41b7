import { createAside, type Aside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Start } from './processes/dies.js'
import {
  SCHEMA,
  poolThatStops,
  recipes,
  type AroundCommit,
  type Product,
  type Recipe,
} from './recipes.js'

// The recipes on a Redis and a Postgres: `DATABASE_URL`, or an embedded one. The embedded one lets
// nobody else ask while a transaction is open, so readers answer with what they saw before.

const names = Object.keys(recipes) as Recipe[]
const chair: Product = { id: 1, name: 'chair' }
const armchair: Product = { id: 1, name: 'armchair' }

let redis: RedisServer
let databaseUrl: string
let database: pg.Pool
const ends: (() => unknown)[] = []
const endsOfTest: (() => unknown)[] = []

beforeAll(async () => {
  redis = await startRedis()
  ends.push(() => redis.stop())
  databaseUrl = process.env.DATABASE_URL ?? (await embedded())
  database = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  ends.push(() => database.end())
  await database.query(`create schema if not exists ${SCHEMA}; set search_path to ${SCHEMA}`)
  // A name that is taken is refused by COMMIT, not before.
  await database.query(`create table if not exists products (
    id int primary key, name text not null unique deferrable initially deferred
  )`)
})
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})
beforeEach(async () => {
  await redis.flush()
  await database.query('delete from products')
  await database.query("insert into products values (1, 'chair'), (2, 'table'), (3, 'lamp')")
})
afterEach(async () => {
  for (const end of endsOfTest.splice(0).reverse()) await end()
})

async function embedded(): Promise<string> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 50 })
  await server.start()
  ends.push(() => server.stop().then(() => db.close()))
  return `postgres://postgres@${server.getServerConn()}/postgres`
}

/** The cache client of another process. */
function newClient(): CacheClient {
  const raw = new Redis(redis.url)
  const client = createCacheClient(ioredisDriver(raw))
  endsOfTest.push(() => client.close().then(() => raw.disconnect()))
  return client
}

/** The same cache in another process. */
function newReader(): Aside<Product> {
  return createAside<Product>({ client: newClient(), prefix: 'product', ttl: '1h' })
}

function newProducts(recipe: Recipe, around: AroundCommit) {
  const { pool, close } = poolThatStops(databaseUrl, around)
  endsOfTest.push(close)
  return recipes[recipe](newClient(), pool)
}

function event(): { readonly come: Promise<void>; happen(): void } {
  let happen!: () => void
  const come = new Promise<void>((resolve) => {
    happen = resolve
  })
  return { come, happen }
}

/**
 * Begins to read the chair. Its loader, if it is called, has read it by then, and answers later.
 */
async function loading(reader: Aside<Product>, until: Promise<void>) {
  const began = event()
  const over = reader.getOrLoad(1, async () => {
    began.happen()
    await until
    return chair
  })
  await Promise.race([began.come, over])
  return { over }
}

describe.each(names)('%s: a transaction', (recipe) => {
  const between = () => {
    const [changed, committing] = [event(), event()]
    const products = newProducts(recipe, {
      async before() {
        changed.happen()
        await committing.come
      },
    })
    return { products, changed, committing }
  }

  it.each(['cached', 'not cached'])(
    'that commits leaves nothing old of a product that was %s',
    async (before) => {
      const { products, changed, committing } = between()
      const over = event()
      const [early, quick, late] = [newReader(), newReader(), newReader()]
      if (before === 'cached') expect(await products.get(1)).toEqual(chair)

      const loadingEarly = await loading(early, changed.come)
      const renaming = products.rename(1, 'armchair')
      await changed.come
      await loadingEarly.over // it tries to store what it has read
      expect(await quick.getOrLoad(1, () => chair)).toEqual(chair)
      const loadingLate = await loading(late, over.come)
      committing.happen()
      await renaming
      over.happen()
      await loadingLate.over

      for (const reader of [early, quick, late]) expect(await reader.peek(1)).not.toEqual(chair)
      expect(await products.get(1)).toEqual(armchair)
      for (const reader of [early, quick, late]) expect(await reader.peek(1)).toEqual(armchair)
    },
  )

  it('that is rolled back leaves no value that never existed', async () => {
    const { products, changed, committing } = between()
    const reader = newReader()
    expect(await products.get(1)).toEqual(chair)
    // The name is taken.
    const renaming = products.rename(1, 'table').catch((error: unknown) => error)
    await changed.come
    expect(await reader.getOrLoad(1, () => chair)).toEqual(chair)
    committing.happen()
    expect(await renaming).toBeInstanceOf(Error)
    expect(await reader.peek(1)).toBeUndefined()
    expect(await products.get(1)).toEqual(chair)
    expect(await reader.peek(1)).toEqual(chair) // and it is kept again
  })
})

it('a process that dies before commit() leaves nothing old for longer than intentTtl', async () => {
  const reader = newReader()
  const load = async (id: number) => {
    const select = 'select id, name from products where id = $1'
    return (await database.query<Product>(select, [id])).rows[0]
  }
  await Promise.all(
    names.map(async (recipe, i) => {
      const id = i + 1
      await reader.getOrLoad(id, () => load(id)) // for an hour
      const data: Start = { redisUrl: redis.url, databaseUrl, recipe, id, name: `new ${id}` }
      await using group = spawnProcesses(new URL('./processes/dies.ts', import.meta.url), { data })
      await group.all('committed')
      await group.processes[0]!.kill()
      expect(await load(id)).toEqual({ id, name: `new ${id}` })
      const read = () => reader.getOrLoad(id, () => load(id))
      await expect.poll(read).toEqual({ id, name: `new ${id}` })
      await expect.poll(() => read().then(() => reader.peek(id))).toEqual({ id, name: `new ${id}` })
    }),
  )
})
