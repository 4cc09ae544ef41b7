import { createCacheClient, type CacheClient, type ClientOptions, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzleOnPglite } from 'drizzle-orm/pglite'
import { Redis } from 'ioredis'
import type pg from 'pg'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest'
import { cachedDatabase, createDrizzleCache, type DrizzleCacheOptions } from '../src/index.js'
import { startDatabase, type Database, type Hook } from './database.js'
import * as tables from './schema.js'

const drivers: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  ioredis(url) {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

/** Deadlines that a machine busy with other tests does not miss. */
const patient: ClientOptions = { resilience: { readTimeout: '10s', writeTimeout: '10s' } }

export interface NewDatabase extends Partial<DrizzleCacheOptions> {
  /** What happens around each query of the connections. */
  readonly hook?: Hook
  /** Options of the cache client. */
  readonly clientOptions?: ClientOptions
  /** Whether to pass the database to `cachedDatabase`. Default `true`. */
  readonly wrapped?: boolean
  /** The connection, instead of a new pool. */
  readonly connection?: pg.Pool | pg.Client | PGlite
}

export interface Bench {
  readonly redis: RedisServer
  readonly database: Database
  newClient(options?: ClientOptions): CacheClient
  /** Creates a database with a cache and connections of its own, like those of another process. */
  open(options?: NewDatabase): ReturnType<typeof open>
}

type NodePg = ReturnType<typeof drizzle<typeof tables, pg.Pool>>

function open(
  client: CacheClient,
  connection: pg.Pool | pg.Client | PGlite,
  wrapped: boolean,
  options: Partial<DrizzleCacheOptions>,
) {
  const cache = createDrizzleCache({ client, tables, ttl: '1h', ...options })
  const db =
    connection instanceof PGlite
      ? // Both drivers have the same methods; only the results of raw SQL differ.
        (drizzleOnPglite({ client: connection, schema: tables, cache }) as unknown as NodePg)
      : drizzle({ client: connection as pg.Pool, schema: tables, cache })
  return { db: wrapped ? cachedDatabase(db) : db, cache }
}

/** Runs a suite with each client library. Data is new in each test. */
export function onEachClient(schema: string, suite: (bench: Bench) => void): void {
  let database: Database
  beforeAll(async () => {
    database = await startDatabase(schema)
  })
  afterAll(() => database.stop())
  describe.each(Object.keys(drivers))('on %s', (name) => {
    let redis: RedisServer
    const ends: (() => unknown)[] = []
    const unhandled: unknown[] = []
    const onUnhandled = (error: unknown): unknown => unhandled.push(error)
    beforeAll(async () => {
      process.on('unhandledRejection', onUnhandled)
      redis = await startRedis()
    })
    beforeEach(() => Promise.all([redis.flush(), database.reset()]))
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end()
      expect(unhandled).toEqual([])
    })
    afterAll(async () => {
      process.off('unhandledRejection', onUnhandled)
      await redis.stop()
    })
    const newClient: Bench['newClient'] = (options = patient) => {
      const { driver, end } = drivers[name]!(redis.url)
      const client = createCacheClient(driver, { namespace: 'shop', ...options })
      ends.push(end, () => client.close())
      return client
    }
    suite({
      get redis() {
        return redis
      },
      get database() {
        return database
      },
      newClient,
      open({ hook, clientOptions, connection, wrapped = true, ...options } = {}) {
        const client = options.client ?? newClient(clientOptions)
        return open(
          client,
          connection ?? database.pool({ ...(hook && { hook }) }),
          wrapped,
          options,
        )
      },
    })
  })
}

export interface Deferred {
  readonly promise: Promise<void>
  resolve(): void
}

export function deferred(): Deferred {
  let resolve!: () => void
  const promise = new Promise<void>((onResolved) => {
    resolve = onResolved
  })
  return { promise, resolve }
}

/** Counts the queries of a connection that match, and can hold the answer of the next one. */
export function watch(pattern: RegExp) {
  let held: { readonly answered: Deferred; readonly release: Deferred } | undefined
  const watched = {
    queries: 0,
    hook: (async (sql, run) => {
      if (!pattern.test(sql)) return run()
      watched.queries++
      const answer = await run()
      const hold = held
      held = undefined
      hold?.answered.resolve()
      await hold?.release.promise
      return answer
    }) satisfies Hook as Hook,
    /** Holds the next answer of the database until it is released. */
    hold() {
      const hold = { answered: deferred(), release: deferred() }
      held = hold
      return { answered: hold.answered.promise, release: () => hold.release.resolve() }
    },
  }
  return watched
}
