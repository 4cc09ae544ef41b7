// What goes wrong with the naive programs of `why/`, one interleaving for each claim of its pages.
import { once } from 'node:events'
import { eventually, startRedis, startRedisCluster, type RedisServer } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import * as aside from '../why/naive/cache-aside.js'
import { CacheService } from '../why/naive/cache-service.js'
import { deleteUser } from '../why/naive/event-invalidation.js'
import { correct, warm } from '../why/naive/expiry.js'
import * as hierarchical from '../why/naive/hierarchical.js'
import { createLocalCache, invalidate } from '../why/naive/pub-sub.js'
import { isAllowed } from '../why/naive/rate-limiting.js'
import { shardOf } from '../why/naive/sharding.js'
import { getWithLock } from '../why/naive/stampede.js'
import * as versions from '../why/naive/versions.js'
import { processNext, updateUser as updateLater } from '../why/naive/write-behind.js'
import { updateUser } from '../why/naive/write-through.js'

let server: RedisServer
let redis: Redis
let other: Redis
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  other = new Redis(server.url)
})
beforeEach(() => redis.flushall())
afterAll(async () => {
  redis.disconnect()
  other.disconnect()
  await server.stop()
})

const ada = { name: 'Ada', role: 'reader' }
const json = async (key: string): Promise<unknown> => JSON.parse((await redis.get(key)) ?? 'null')

describe('cache-aside', () => {
  it('stores an old row after the writer has deleted the entry', async () => {
    let row = ada
    const hasRead = gate()
    const mayStore = gate()
    const reading = aside.getUser(redis, 42, async () => {
      const user = row
      hasRead.open()
      await mayStore.opened
      return user
    })
    await hasRead.opened
    await aside.updateUser(other, 42, async () => void (row = { ...row, role: 'admin' }))
    mayStore.open()
    await reading
    const read = await aside.getUser(other, 42, async () => row)
    expect(read?.role).toBe('reader')
    expect(row.role).toBe('admin')
  })

  it('stores an old row as well if the entry is deleted before the row changes', async () => {
    let row = ada
    await other.del('user:42') // a writer, before its change
    await aside.getUser(redis, 42, async () => row)
    row = { ...row, role: 'admin' }
    expect((await aside.getUser(other, 42, async () => row))?.role).toBe('reader')
  })

  it('loads a row that does not exist for each read', async () => {
    const load = vi.fn(async () => null)
    for (let read = 0; read < 5; read++) await aside.getUser(redis, 404, load)
    expect(load).toHaveBeenCalledTimes(5)
  })

  it('has a load for each caller of a cold key', async () => {
    const load = vi.fn(async () => ada)
    await Promise.all(Array.from({ length: 10 }, () => aside.getUser(redis, 42, load)))
    expect(load).toHaveBeenCalledTimes(10)
  })
})

describe('write-through', () => {
  it('loses one of two changes in the cache, and not in the database', async () => {
    let row = ada
    await redis.set('user:42', JSON.stringify(row))
    const store = async (_id: number, patch: Partial<aside.User>) =>
      void (row = { ...row, ...patch })
    const load = async () => row
    await Promise.all([
      updateUser(redis, 42, { name: 'Grace' }, store, load),
      updateUser(redis, 42, { role: 'admin' }, store, load),
    ]) // Both have read the cached value before one of them stores its own.
    expect(row).toEqual({ name: 'Grace', role: 'admin' })
    expect(await json('user:42')).toEqual({ name: 'Ada', role: 'admin' })
  })

  it('keeps the value of the writer that was first in the database', async () => {
    let row = ada
    await redis.set('user:42', JSON.stringify(row))
    const hasStored = gate()
    const mayContinue = gate()
    const slow = updateUser(
      redis,
      42,
      { role: 'editor' },
      async (_id, patch) => {
        row = { ...row, ...patch }
        hasStored.open()
        await mayContinue.opened // a pause of the process: garbage collection, a slow network
      },
      async () => row,
    )
    await hasStored.opened
    const store = async (_id: number, patch: Partial<aside.User>) =>
      void (row = { ...row, ...patch })
    await updateUser(other, 42, { role: 'admin' }, store, async () => row)
    mayContinue.open()
    await slow
    expect(row.role).toBe('admin')
    expect(await json('user:42')).toMatchObject({ role: 'editor' })
  })
})

describe('expiry', () => {
  it('ends for all entries at once if they were stored at once', async () => {
    const prices = new Map(Array.from({ length: 100 }, (_, id) => [id, 10] as const))
    await warm(redis, prices)
    const ttls = await Promise.all([...prices.keys()].map((id) => redis.ttl(`price:${id}`)))
    expect(Math.max(...ttls) - Math.min(...ttls)).toBeLessThanOrEqual(1)
  })

  it('is lost with a plain SET', async () => {
    await warm(redis, new Map([[42, 10]]))
    expect(await redis.ttl('price:42')).toBeGreaterThan(0)
    await correct(redis, 42, 12)
    expect(await redis.ttl('price:42')).toBe(-1)
  })
})

describe('event invalidation', () => {
  it('leaves the entries of a writer that dies after it has changed the row', async () => {
    await redis.set('user:42', JSON.stringify(ada))
    const rows = new Map([[42, ada]])
    const dying = new Redis(server.url)
    dying.on('error', () => undefined)
    const died = deleteUser(dying, 42, async (id) => {
      rows.delete(id)
      dying.disconnect()
    })
    await expect(died).rejects.toThrow()
    expect(rows.has(42)).toBe(false)
    expect(await json('user:42')).toEqual(ada)
    expect(await redis.ttl('user:42')).toBe(-1)
  })

  it('lets a reader see half of it', async () => {
    await redis.mset('user:42', '{}', 'user:42:permissions', '["delete"]')
    const del = redis.del.bind(redis)
    const seen: (string | null)[][] = []
    const spy = vi.spyOn(redis, 'del').mockImplementation(async (...keys: unknown[]) => {
      const deleted = await del(keys as string[])
      seen.push(await other.mget('user:42', 'user:42:permissions'))
      return deleted
    })
    await deleteUser(redis, 42, async () => undefined)
    spy.mockRestore()
    expect(seen[0]).toEqual([null, '["delete"]'])
  })
})

describe('versions', () => {
  it('bring dead entries back if the version is evicted', async () => {
    let price = 10
    const load = async (id: number) => ({ id, category: 7, price })
    await versions.getProduct(redis, 42, 7, load)
    price = 12
    await versions.invalidateCategory(redis, 7)
    expect((await versions.getProduct(redis, 42, 7, load)).price).toBe(12)
    await redis.del('category:7:version') // what eviction, a flush or a failover does
    expect((await versions.getProduct(redis, 42, 7, load)).price).toBe(10)
  })
})

describe('sharding', () => {
  const databases = (count: number) =>
    Array.from({ length: count }, (_, db) => new Redis(server.url, { db: db + 1 }))

  it('moves most keys if a shard is added', async () => {
    const shards = databases(5)
    const keys = Array.from({ length: 10_000 }, (_, id) => `product:${id}`)
    const moved = keys.filter((key) => shardOf(key, shards.slice(0, 4)) !== shardOf(key, shards))
    expect(moved.length / keys.length).toBeGreaterThan(0.7)
    for (const shard of shards) shard.disconnect()
  })

  it('is stale while processes disagree about the number of shards', async () => {
    const three = databases(3)
    const two = three.slice(0, 2)
    const key = Array.from({ length: 100 }, (_, id) => `product:${id}`).find(
      (one) => shardOf(one, two) !== shardOf(one, three),
    )!
    await shardOf(key, two).set(key, 'old') // by a process that knows two shards
    await shardOf(key, three).del(key) // by one that knows three: its invalidation
    expect(await shardOf(key, two).get(key)).toBe('old')
    for (const shard of three) shard.disconnect()
  })
})

describe('write-behind', () => {
  it('loses a write whose worker dies', async () => {
    await updateLater(redis, 42, { role: 'admin' })
    const worker = new Redis(server.url)
    worker.on('error', () => undefined)
    void processNext(worker, () => {
      worker.disconnect() // The process has died: nothing after this line runs.
      return new Promise(() => undefined)
    })
    await eventually(async () => (await redis.llen('db_write_queue')) === 0)
    expect(await redis.exists('db_write_queue', 'db_write_error_queue')).toBe(0)
  })

  it('shows the old row to a reader if the value was not cached', async () => {
    await updateLater(redis, 42, { role: 'admin' }) // acknowledged
    const read = await aside.getUser(other, 42, async () => ada) // the database does not know yet
    expect(read?.role).toBe('reader')
  })

  it('applies a write that has failed after a newer one', async () => {
    let row = ada
    let isDown = true
    const store = async ({ patch }: { patch: Partial<aside.User> }) => {
      if (isDown) throw new Error('The database is down.')
      row = { ...row, ...patch }
    }
    await updateLater(redis, 42, { role: 'editor' })
    await processNext(redis, store)
    isDown = false
    await updateLater(redis, 42, { role: 'admin' })
    await processNext(redis, store)
    expect(row.role).toBe('admin')
    await redis.rpoplpush('db_write_error_queue', 'db_write_queue') // an operator repeats it
    await processNext(redis, store)
    expect(row.role).toBe('editor')
  })
})

describe('the lock against stampedes', () => {
  it('has a load for each caller if the load takes longer than they wait', async () => {
    const mayEnd = gate()
    const load = vi.fn(async () => {
      await mayEnd.opened
      return 'report'
    })
    const callers = Array.from({ length: 10 }, () => getWithLock(redis, 'report', load))
    await eventually(() => load.mock.calls.length === 10)
    mayEnd.open()
    expect(await Promise.all(callers)).toEqual(Array.from({ length: 10 }, () => 'report'))
  })

  it('lets a holder whose lock has expired store an old value over a newer one', async () => {
    const mayEnd = gate()
    const paused = getWithLock(
      redis,
      'report',
      async () => {
        await mayEnd.opened // a pause longer than the lock
        return 'old'
      },
      100,
    )
    await eventually(async () => (await redis.pttl('report:lock')) === -2)
    expect(await getWithLock(other, 'report', async () => 'new')).toBe('new')
    mayEnd.open()
    await paused
    expect(await redis.get('report')).toBe('old')
  })
})

describe('rate limiting', () => {
  it('admits more than the limit if requests arrive together', async () => {
    const allowed = await Promise.all(Array.from({ length: 20 }, () => isAllowed(redis, 'ada')))
    expect(allowed.filter(Boolean).length).toBeGreaterThan(10)
  })

  it('forgets all requests if the clock of one host is ahead', async () => {
    for (let request = 0; request < 10; request++) await isAllowed(redis, 'ada')
    expect(await isAllowed(redis, 'ada')).toBe(false)
    const ahead = Date.now() + 120_000
    const clock = vi.spyOn(Date, 'now').mockReturnValue(ahead)
    expect(await isAllowed(other, 'ada')).toBe(true)
    clock.mockRestore()
    expect(await isAllowed(redis, 'ada')).toBe(true)
  })
})

describe('a hierarchy', () => {
  const rows = () => new Map([[42, { id: 42, category: 7, price: 10 }]])
  const databaseOf = (products: ReturnType<typeof rows>): hierarchical.Database => ({
    categoryOf: async (id) => products.get(id)!.category,
    productsIn: async (category) =>
      [...products.values()].filter((one) => one.category === category),
  })

  it('takes an invalidated product out of its old category', async () => {
    const products = rows()
    const database = databaseOf(products)
    await hierarchical.getProduct(redis, 42, database)
    products.set(42, { id: 42, category: 7, price: 12 })
    await redis.del('product:42')
    expect((await hierarchical.getProduct(redis, 42, database))?.price).toBe(10)
  })

  it('shows a product that has moved in both categories', async () => {
    const products = rows()
    const database = databaseOf(products)
    await hierarchical.getCategory(redis, 7, database)
    products.set(42, { id: 42, category: 8, price: 10 })
    await redis.del('product:42', 'category:8:products')
    const ids = async (category: number) =>
      (await hierarchical.getCategory(redis, category, database)).map(({ id }) => id)
    expect(await ids(7)).toEqual([42])
    expect(await ids(8)).toEqual([42])
  })
})

describe('messages', () => {
  it('that are sent while a process is not connected leave it stale', async () => {
    const subscriber = new Redis(server.url)
    const cache = await createLocalCache(subscriber)
    let price = 10
    const load = async () => price
    expect(await cache.get('42', load)).toBe(10)
    const ended = once(subscriber, 'end')
    subscriber.disconnect()
    await ended
    price = 12
    await invalidate(redis, '42')
    await subscriber.connect()
    await eventually(async () => (await redis.pubsub('NUMSUB', 'cache_invalidation'))[1] === 1)
    expect(await cache.get('42', load)).toBe(10)
    subscriber.disconnect()
  })

  it('that cross with a load leave the old value', async () => {
    const subscriber = new Redis(server.url)
    const cache = await createLocalCache(subscriber)
    const received = new Promise((resolve) => subscriber.once('message', resolve))
    let price = 10
    const mayEnd = gate()
    const reading = cache.get('42', async () => {
      const read = price
      await mayEnd.opened
      return read
    })
    price = 12
    await invalidate(redis, '42')
    await received
    mayEnd.open()
    await reading
    expect(await cache.get('42', async () => price)).toBe(10)
    subscriber.disconnect()
  })
})

describe('the CacheService', () => {
  it('stores a value that was loaded before bulkInvalidate', async () => {
    const cache = new CacheService(redis)
    let price = 10
    const hasRead = gate()
    const mayStore = gate()
    const reading = cache.get('product:42', async () => {
      const read = price
      hasRead.open()
      await mayStore.opened
      return read
    })
    await hasRead.opened
    price = 12
    await new CacheService(other).bulkInvalidate('product:*')
    mayStore.open()
    await reading
    expect(await cache.get('product:42', async () => price)).toBe(10)
  })

  it('has counters that never expire, and none of its values is one', async () => {
    const cache = new CacheService(redis)
    await cache.increment('views:42')
    expect(await redis.ttl('views:42')).toBe(-1)
    await cache.get('name:42', async () => 'Ada')
    await expect(cache.increment('name:42')).rejects.toThrow('not an integer')
  })

  it('does not invalidate keys of a Cluster', async () => {
    await using nodes = await startRedisCluster({ primaries: 3 })
    const cluster = new Cluster(nodes.nodes.map(({ host, port }) => ({ host, port })))
    const cache = new CacheService(cluster as unknown as Redis)
    for (let id = 0; id < 30; id++) await cache.get(`product:${id}`, async () => id)
    const invalidated = await cache.bulkInvalidate('product:*').catch((error: Error) => error)
    expect(String(invalidated)).toMatch(/slot/i)
    for (let id = 0; id < 30; id++) expect(await cluster.exists(`product:${id}`)).toBe(1)
    cluster.disconnect()
  }, 60_000)
})

/** A promise that is resolved from outside. */
function gate() {
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, opened }
}
