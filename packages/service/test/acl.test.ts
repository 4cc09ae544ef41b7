import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createAside } from '@cache/aside'
import {
  createCacheClient,
  glob,
  invalidateMatching,
  type CacheClient,
  type Driver,
} from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createHierarchical } from '@cache/hierarchical'
import { createLocks, createReadWriteLock, createSemaphore } from '@cache/lock'
import { createInvalidationBus, createTrackingBus, withNearCache } from '@cache/pubsub-invalidation'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
} from '@cache/ratelimit'
import { createCacheService } from '@cache/service'
import { startRedisCluster, startRedis, type RedisServer } from '@cache/testkit'
import { createVersioned } from '@cache/versioning'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

type Use = (client: CacheClient, clustered: boolean) => Promise<unknown>

/**
 * The rules of each package in addition to those that all need, as in "ACL" of core's README; and a
 * function that uses the package with them.
 */
const packages: Readonly<Record<string, { readonly rules: string; readonly use: Use }>> = {
  aside: {
    rules: '',
    use: async (client) => {
      const products = createAside<string, number>({ client, prefix: 'product', ttl: '1h' })
      expect(await products.getOrLoad(1, () => 'loaded')).toBe('loaded')
      expect(await products.getOrLoadMany([1, 2], async () => new Map([[2, 'two']]))).toEqual([
        'loaded',
        'two',
      ])
      expect(await products.peek(1)).toBe('loaded')
      await products.mutate(1, async () => undefined)
      await products.invalidate([1, 2])
    },
  },
  'invalidateMatching, scan': {
    rules: '',
    use: async (client) => {
      const products = createAside<string, number>({ client, prefix: 'product', ttl: '1h' })
      await products.getOrLoad(1, () => 'loaded')
      const found: string[] = []
      for await (const keys of client.scan(glob`*`)) found.push(...keys)
      expect(found).toEqual(['shop:product:1'])
      expect(await invalidateMatching(client, glob`product:*`)).toBe(1)
    },
  },
  'write-through': {
    rules: '',
    use: async (client) => {
      await using users = createWriteThrough({
        client,
        prefix: 'user',
        ttl: '1h',
        load: async (_: number) => 'row',
        store: async (_: number, patch: string) => patch,
        remove: async () => undefined,
      })
      expect(await users.get(1)).toBe('row')
      expect(await users.update(1, 'new')).toBe('new')
      await users.put(2, 'two')
      await users.delete(1)
    },
  },
  versioning: {
    rules: '',
    use: async (client) => {
      for (const strategy of ['stamp', 'key'] as const) {
        const rows = createVersioned({
          client,
          prefix: strategy,
          ttl: '1h',
          strategy,
          load: async (_: number) => 'row',
          groups: () => ['g'],
        })
        expect(await rows.get(1)).toBe('row')
        await rows.bump('g')
        await rows.mutateGroups('g', async () => undefined)
        expect(await rows.getMany([1, 2])).toEqual(['row', 'row'])
      }
    },
  },
  hierarchical: {
    rules: '',
    use: async (client) => {
      const items = Array.from({ length: 300 }, (_, id) => ({ id }))
      const products = createHierarchical({
        client,
        ttl: '1h',
        item: { prefix: 'product', id: (item: { id: number }) => item.id },
        group: { prefix: 'category', id: () => 7 },
        groupOf: async () => 7,
        loadGroup: async () => items,
      })
      expect(await products.get(1)).toEqual({ id: 1 })
      expect(await products.getGroup(7)).toHaveLength(300)
      await products.invalidate(1)
      await products.invalidateGroup(7)
      expect(await products.getGroup(7)).toHaveLength(300)
    },
  },
  lock: {
    rules: '+subscribe +unsubscribe',
    use: async (client) => {
      await using locks = createLocks({ client })
      await using semaphore = createSemaphore({ client, name: 'pool', permits: 1 })
      await using readWrite = createReadWriteLock({ client, name: 'table' })
      const lock = await locks.acquire('x', { ttl: '10s' })
      const next = locks.acquire('x', { ttl: '10s', wait: '5s' })
      expect(await locks.inspect('x')).toBeDefined()
      await lock.extend('10s')
      await lock.release()
      await (await next).release()
      await (await semaphore.acquire({ ttl: '10s' })).release()
      await (await readWrite.read.acquire({ ttl: '10s' })).release()
    },
  },
  ratelimit: {
    rules: '',
    use: async (client) => {
      const limits = [
        fixedWindow({ name: 'a', limit: 9, window: '1m' }),
        slidingWindow({ name: 'b', limit: 9, window: '1m' }),
        slidingCounter({ name: 'c', limit: 9, window: '1m' }),
        gcra({ name: 'd', limit: 9, window: '1m', burst: 9 }),
        tokenBucket({ name: 'e', capacity: 9, refill: 1, interval: '1s' }),
      ]
      const limiter = createRateLimiter({ client, prefix: 'api', limits, deadline: '5s' })
      const decision = await limiter.consume('u')
      expect(decision).toMatchObject({ allowed: true, degraded: false })
      expect(await limiter.refund(decision)).toBe(true)
      await limiter.peek('u')
      await limiter.consumeUpTo('u', 2)
      await limiter.reset('u')
      const slots = createRateLimiter({
        client,
        prefix: 'slots',
        limits: [concurrency({ name: 'f', limit: 1, ttl: '10s' })],
        deadline: '5s',
      })
      const slot = await slots.consume('u')
      expect(slot).toMatchObject({ allowed: true, degraded: false })
      await slot.release()
      expect(await slots.consume('u')).toMatchObject({ allowed: true, degraded: false })
    },
  },
  'pubsub-invalidation': {
    rules: '+subscribe +unsubscribe',
    use: async (client, clustered) => {
      await using bus = createInvalidationBus({
        client,
        ...(!clustered && { onGap: 'replay' as const }),
      })
      await bus.ready()
      const near = withNearCache(client, { bus, ttl: '30s' })
      const products = createAside<string, number>({ client: near, prefix: 'product', ttl: '1h' })
      expect(await products.getOrLoad(1, () => 'loaded')).toBe('loaded')
      expect(await products.getOrLoad(1, () => 'other')).toBe('loaded')
      await products.invalidate(1)
      await bus.publish({ keys: ['product:1'] })
    },
  },
  createTrackingBus: {
    rules: '+subscribe +unsubscribe &__redis__:invalidate',
    use: async (client) => {
      await using bus = createTrackingBus({ client })
      await bus.ready()
      const near = withNearCache(client, { bus, ttl: '30s' })
      const products = createAside<string, number>({ client: near, prefix: 'product', ttl: '1h' })
      expect(await products.getOrLoad(1, () => 'loaded')).toBe('loaded')
    },
  },
  'write-behind': {
    rules: '',
    use: async (client) => {
      const users = createWriteBehind({
        client,
        prefix: 'users',
        ttl: '1h',
        load: async (_: string) => undefined as string | undefined,
        merge: (_: string | undefined, patch: string) => patch,
      })
      const worker = createWriteBehindWorker<string>({
        client,
        prefix: 'users',
        flush: async () => undefined,
      })
      const stop = new AbortController()
      const running = worker.run({ signal: stop.signal })
      await users.update('1', 'one')
      expect(await users.get('1')).toBe('one')
      await users.flushed('1')
      stop.abort()
      await running
    },
  },
  service: {
    rules: '+subscribe +unsubscribe',
    use: async (client) => {
      await using bus = createInvalidationBus({ client })
      await bus.ready()
      await using cache = createCacheService({ client, bus, ttl: '1h' })
      expect(await cache.get('user:1', async () => 'row')).toBe('row')
      await cache.mutate(['user:1'], async () => undefined)
      await cache.invalidate('user:1', { broadcast: true })
      expect(await cache.increment('views', 1)).toBe(1)
      await cache.bulkInvalidate(glob`user:*`)
      await cache.locks.withLock('x', async () => undefined, { ttl: '10s' })
    },
  },
}

const EVERYWHERE =
  '~shop:* &shop:* +@read +@write +@connection +eval +evalsha ' +
  '+publish +time +info -@dangerous +info'
const CLUSTERED = '+cluster|slots +cluster|shards +cluster|nodes +cluster|info'

const closing: (() => unknown)[] = []
let server: RedisServer
let nodes: readonly RedisServer[]

beforeAll(async () => {
  server = await startRedis()
  closing.push(() => server.stop())
  const cluster = await startRedisCluster()
  nodes = cluster.primaries
  closing.push(() => cluster.stop())
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

describe.each(['ioredis', 'node-redis'] as const)('%s', (library) => {
  describe.each([
    ['standalone', false],
    ['cluster', true],
  ] as const)('%s', (_, clustered) => {
    const opened: (() => unknown)[] = []
    afterEach(async () => {
      for (const close of opened.splice(0).reverse()) await close()
    })

    /** A client of a user who may do just this. */
    async function clientOf(rules: string): Promise<CacheClient> {
      for (const node of clustered ? nodes : [server]) {
        await node.flush()
        await node.cli('ACL', 'SETUSER', 'shop', 'reset', 'on', '>secret', ...rules.split(' '))
        await node.cli('ACL', 'LOG', 'RESET')
      }
      const driver = await driverOf(library, clustered ? nodes : [server], clustered, opened)
      const client = createCacheClient(driver, {
        namespace: 'shop',
        resilience: { readTimeout: '5s', writeTimeout: '5s' },
      })
      opened.push(() => client.close())
      return client
    }

    it.each(Object.keys(packages))(
      '%s does all that it does for a user with its rules',
      async (name) => {
        const { rules, use } = packages[name]!
        const errors: unknown[] = []
        const listener = (message: unknown): void => void errors.push(message)
        subscribe('cache:error', listener)
        try {
          await use(
            await clientOf([EVERYWHERE, clustered && CLUSTERED, rules].filter(Boolean).join(' ')),
            clustered,
          )
        } finally {
          unsubscribe('cache:error', listener)
        }
        expect(errors).toEqual([])
        for (const node of clustered ? nodes : [server])
          expect((await node.cli('ACL', 'LOG')).trim()).toBe('')
      },
    )

    it('tells on cache:error of the first refusal, and what to allow', async () => {
      const client = await clientOf(`${EVERYWHERE.replace('~shop:*', '~stop:*')} ${CLUSTERED}`)
      const errors: { error: Error }[] = []
      const listener = (message: unknown): void => void errors.push(message as { error: Error })
      subscribe('cache:error', listener)
      const limiter = createRateLimiter({
        client,
        prefix: 'api',
        limits: [fixedWindow({ name: 'a', limit: 9, window: '1m' })],
        deadline: '5s',
      })
      for (let i = 0; i < 3; i++)
        expect(await limiter.consume('u')).toMatchObject({ degraded: true })
      unsubscribe('cache:error', listener)
      expect(errors.map(({ error }) => error.message)).toContainEqual(
        expect.stringMatching(/NOPERM.*Allow this user the keys and channels of its namespace/),
      )
    })
  })
})

async function driverOf(
  library: 'ioredis' | 'node-redis',
  nodes: readonly RedisServer[],
  clustered: boolean,
  opened: (() => unknown)[],
): Promise<Driver> {
  const [{ host, port }] = nodes as [RedisServer]
  const user = { username: 'shop', password: 'secret' }
  if (library === 'ioredis') {
    const redis = clustered
      ? new Cluster([{ host, port }], { redisOptions: user })
      : new Redis({ host, port, ...user })
    opened.push(() => redis.disconnect())
    return ioredisDriver(redis)
  }
  const redis = clustered
    ? createCluster({ rootNodes: [{ socket: { host, port } }], defaults: user })
    : createClient({ socket: { host, port }, ...user })
  await redis.on('error', () => undefined).connect()
  opened.push(() => redis.destroy())
  return nodeRedisDriver(redis as never)
}
