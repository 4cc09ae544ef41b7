import { createCacheClient, type CacheClient, type ClientOptions, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest'
import { createPrismaCache, type PrismaCacheOptions } from '../src/index.js'
import { startDatabase, type Database, type Hook } from './database.js'
import { Prisma, PrismaClient } from './generated/client.js'

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

export interface NewDatabase extends Partial<PrismaCacheOptions> {
  /** What happens around each statement of the connections. */
  readonly hook?: Hook
  /** Options of the cache client. */
  readonly clientOptions?: ClientOptions
}

export interface Bench {
  readonly redis: RedisServer
  readonly database: Database
  newClient(options?: ClientOptions): CacheClient
  /** Creates a client without a cache. */
  newPrisma(hook?: Hook): PrismaClient
  /** Creates a client with a cache and connections of its own, like those of another process. */
  open(options?: NewDatabase): ReturnType<typeof open>
}

export type Db = ReturnType<Bench['open']>['db']
export type Cache = ReturnType<Bench['open']>['cache']
/** A client, or one in a transaction. */
export type Queries = Omit<Db, '$transaction' | '$extends' | '$connect' | '$disconnect' | '$on'>

function open(
  prisma: PrismaClient,
  options: Partial<PrismaCacheOptions> & { client: CacheClient },
) {
  const cache = createPrismaCache({ Prisma, ttl: '1h', ...options })
  return { db: prisma.$extends(cache.extension), cache, prisma }
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
    const newPrisma: Bench['newPrisma'] = (hook) => {
      const prisma = new PrismaClient({
        adapter: database.adapter(hook),
        transactionOptions: { maxWait: 20_000, timeout: 20_000 },
      })
      ends.push(() => prisma.$disconnect())
      return prisma
    }
    suite({
      get redis() {
        return redis
      },
      get database() {
        return database
      },
      newClient,
      newPrisma,
      open({ hook, clientOptions, ...options } = {}) {
        const client = options.client ?? newClient(clientOptions)
        return open(newPrisma(hook), { ...options, client })
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

/** Counts the statements of a connection that match, and can hold the answer of the next one. */
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
