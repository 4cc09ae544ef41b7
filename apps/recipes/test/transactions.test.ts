import { createAside, type Aside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RenameOptions } from './processes/renames-and-waits.js'
import {
  SCHEMA,
  poolWithCommitHooks,
  recipes,
  type CommitHooks,
  type Product,
  type Recipe,
} from './recipes.js'

// Tests the recipes on a Redis and a Postgres: `DATABASE_URL`, or an embedded one. The embedded
// Postgres accepts no other query while a transaction is open, so loaders return a row that was
// read before.

const names = Object.keys(recipes) as Recipe[]
const chair: Product = { id: 1, name: 'chair' }
const armchair: Product = { id: 1, name: 'armchair' }

let redis: RedisServer
let databaseUrl: string
let database: pg.Pool
const cleanups: (() => unknown)[] = []
const testCleanups: (() => unknown)[] = []

beforeAll(async () => {
  redis = await startRedis()
  cleanups.push(() => redis.stop())
  databaseUrl = process.env.DATABASE_URL ?? (await startEmbeddedPostgres())
  database = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  cleanups.push(() => database.end())
  await database.query(`create schema if not exists ${SCHEMA}; set search_path to ${SCHEMA}`)
  // COMMIT refuses a name that is taken; the update does not.
  await database.query(`create table if not exists products (
    id int primary key, name text not null unique deferrable initially deferred
  )`)
})
afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})
beforeEach(async () => {
  await redis.flush()
  await database.query('delete from products')
  await database.query("insert into products values (1, 'chair'), (2, 'table'), (3, 'lamp')")
})
afterEach(async () => {
  for (const cleanup of testCleanups.splice(0).reverse()) await cleanup()
})

async function startEmbeddedPostgres(): Promise<string> {
  const db = await PGlite.create()
  const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 50 })
  await server.start()
  cleanups.push(() => server.stop().then(() => db.close()))
  return `postgres://postgres@${server.getServerConn()}/postgres`
}

/** Creates a cache client with its own connection, like that of another process. */
function newClient(): CacheClient {
  const raw = new Redis(redis.url)
  const client = createCacheClient(ioredisDriver(raw))
  testCleanups.push(() => client.close().then(() => raw.disconnect()))
  return client
}

/** Creates the same cache as in another process. */
function newReader(): Aside<Product> {
  return createAside<Product>({ client: newClient(), prefix: 'product', ttl: '1h' })
}

function newProducts(recipe: Recipe, hooks: CommitHooks) {
  const { pool, close } = poolWithCommitHooks(databaseUrl, hooks)
  testCleanups.push(close)
  return recipes[recipe](newClient(), pool)
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve!: () => void
  const promise = new Promise<void>((onResolved) => {
    resolve = onResolved
  })
  return { promise, resolve }
}

/**
 * Starts to read the chair. If the loader is called, it has read the row when this function
 * returns, and returns it when `until` resolves.
 */
async function startRead(reader: Aside<Product>, until: Promise<void>) {
  const started = deferred()
  const finished = reader.getOrLoad(1, async () => {
    started.resolve()
    await until
    return chair
  })
  await Promise.race([started.promise, finished])
  return { finished }
}

describe.each(names)('%s: a transaction', (recipe) => {
  /** `changed` resolves before COMMIT, which waits for `commit`. */
  const pausedBeforeCommit = () => {
    const [changed, commit] = [deferred(), deferred()]
    const products = newProducts(recipe, {
      async before() {
        changed.resolve()
        await commit.promise
      },
    })
    return { products, changed, commit }
  }

  it.each(['cached', 'not cached'])(
    'that commits leaves no old value of a product that was %s',
    async (before) => {
      const { products, changed, commit } = pausedBeforeCommit()
      const committed = deferred()
      const [early, quick, late] = [newReader(), newReader(), newReader()]
      if (before === 'cached') expect(await products.get(1)).toEqual(chair)

      const earlyRead = await startRead(early, changed.promise)
      const rename = products.rename(1, 'armchair')
      await changed.promise
      await earlyRead.finished // It tries to store the old row.
      expect(await quick.getOrLoad(1, () => chair)).toEqual(chair)
      const lateRead = await startRead(late, committed.promise)
      commit.resolve()
      await rename
      committed.resolve()
      await lateRead.finished

      for (const reader of [early, quick, late]) expect(await reader.peek(1)).not.toEqual(chair)
      expect(await products.get(1)).toEqual(armchair)
      for (const reader of [early, quick, late]) expect(await reader.peek(1)).toEqual(armchair)
    },
  )

  it('that is rolled back leaves no value that never existed', async () => {
    const { products, changed, commit } = pausedBeforeCommit()
    const reader = newReader()
    expect(await products.get(1)).toEqual(chair)
    // The name is taken.
    const rename = products.rename(1, 'table').catch((error: unknown) => error)
    await changed.promise
    expect(await reader.getOrLoad(1, () => chair)).toEqual(chair)
    commit.resolve()
    expect(await rename).toBeInstanceOf(Error)
    expect(await reader.peek(1)).toBeUndefined()
    expect(await products.get(1)).toEqual(chair)
    expect(await reader.peek(1)).toEqual(chair) // It is cached again.
  })
})

it('if a process dies before commit(), no old value stays for longer than intentTtl', async () => {
  const reader = newReader()
  const load = async (id: number) => {
    const select = 'select id, name from products where id = $1'
    return (await database.query<Product>(select, [id])).rows[0]
  }
  await Promise.all(
    names.map(async (recipe, i) => {
      const id = i + 1
      await reader.getOrLoad(id, () => load(id)) // Cached for an hour.
      const data: RenameOptions = {
        redisUrl: redis.url,
        databaseUrl,
        recipe,
        id,
        name: `new ${id}`,
      }
      const file = new URL('./processes/renames-and-waits.ts', import.meta.url)
      await using group = spawnProcesses(file, { data })
      await group.all('committed')
      await group.processes[0]!.kill()
      expect(await load(id)).toEqual({ id, name: `new ${id}` })
      const read = () => reader.getOrLoad(id, () => load(id))
      await expect.poll(read).toEqual({ id, name: `new ${id}` })
      await expect.poll(() => read().then(() => reader.peek(id))).toEqual({ id, name: `new ${id}` })
    }),
  )
})
