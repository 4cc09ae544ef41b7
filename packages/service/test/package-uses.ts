import { createAside } from '@cache/aside'
import { glob, invalidateMatching } from '@cache/core'
import { createHierarchical } from '@cache/hierarchical'
import { createHttpCache, createIdempotency } from '@cache/http'
import { createKeyvStore } from '@cache/keyv'
import { createLocks, createReadWriteLock, createSemaphore, createStampedeGuard } from '@cache/lock'
import {
  createIncrementalCacheHandler,
  createRevalidator,
  createUseCacheHandler,
} from '@cache/nextjs'
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
import { createVersioned } from '@cache/versioning'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import { expect } from 'vitest'
import { createCacheService } from '../src/index.js'
import type { Use } from './acl-stage.js'

/** For each row of the tables in apps/docs/operate/acl.md: a function that uses that package. */
export const packageUses: Readonly<Record<string, Use>> = {
  aside: async (client) => {
    const products = createAside<string, number>({ client, prefix: 'product', ttl: '1h' })
    expect(await products.getOrLoad(1, () => 'loaded')).toBe('loaded')
    expect(await products.getOrLoadMany([1, 2], async () => new Map([[2, 'two']]))).toEqual([
      'loaded',
      'two',
    ])
    expect(await products.peek(1)).toBe('loaded')
    await products.set(1, 'set')
    await products.refresh(1, () => 'refreshed')
    await products.expire(1)
    await products.mutate(1, async () => undefined)
    await products.invalidate([1, 2])
    const clearable = createAside<string>({
      client,
      prefix: 'clearable',
      ttl: '1h',
      staleWhileRevalidate: '1h',
      clearable: true,
    })
    expect(await clearable.getOrLoad(1, () => 'loaded')).toBe('loaded')
    await clearable.clear()
    expect(await clearable.getOrLoad(1, () => 'again')).toBe('again')
    expect(await client.health()).toMatchObject({ reachable: true })
  },
  keyv: async (client) => {
    const store = createKeyvStore({ client, prefix: 'keyv' })
    expect(await store.set('1', 'one', 60_000)).toBe(true)
    expect(await store.setMany([{ key: '2', value: 'two' }])).toEqual([true])
    expect(await store.get('1')).toBe('one')
    expect(await store.getMany(['1', '2'])).toEqual(['one', 'two'])
    expect(await store.has('1')).toBe(true)
    for await (const [key, value] of store.iterator()) expect([key, value]).toHaveLength(2)
    expect(await store.delete('1')).toBe(true)
    await store.clear()
    expect(await store.get('2')).toBeUndefined()
  },
  'invalidateMatching, scan': async (client) => {
    const products = createAside<string, number>({ client, prefix: 'product', ttl: '1h' })
    await products.getOrLoad(1, () => 'loaded')
    const found: string[] = []
    for await (const keys of client.scan(glob`*`)) found.push(...keys)
    expect(found).toEqual(['shop:product:1'])
    expect(await invalidateMatching(client, glob`product:*`)).toBe(1)
  },
  'write-through': async (client) => {
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
  versioning: async (client) => {
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
  hierarchical: async (client) => {
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
  nextjs: async (client) => {
    const options = { client, deploymentId: 'v1' }
    const revalidator = createRevalidator({ client })
    const functions = createUseCacheHandler(options)
    const timestamp = performance.timeOrigin + performance.now()
    const entry = { tags: ['prices'], timestamp, stale: 30, revalidate: 900, expire: 3_600 }
    expect(await functions.get('price', ['_N_T_/'])).toBeUndefined()
    await functions.set('price', Promise.resolve({ ...entry, value: new Response('10').body! }))
    expect(await new Response((await functions.get('price', []))!.value).text()).toBe('10')
    await functions.updateTags(['prices'], { expire: 60 })
    await functions.updateTags(['prices'])
    expect(await functions.get('price', [])).toBeUndefined()

    const Handler = createIncrementalCacheHandler(options)
    const headers = { 'x-next-cache-tags': 'prices' }
    const page = { kind: 'APP_PAGE', html: '<p>', headers, status: 200 }
    const render = async (): Promise<void> => {
      const request = new Handler()
      await request.get('/p', { kind: 'APP_PAGE' })
      await request.set('/p', page, { cacheControl: { revalidate: 60, expire: 3_600 } })
    }
    const look = () => new Handler().get('/p', { kind: 'APP_PAGE' })
    await render()
    await revalidator.revalidateTag('prices', { expire: 60 })
    expect(await look()).not.toBeNull()
    await render()
    await revalidator.revalidatePath('/p')
    await new Handler().revalidateTag('prices')
    expect(await look()).toBeNull()
  },
  http: async (client) => {
    const cache = createHttpCache({ client, prefix: 'pages' })
    const handle = (request: Request) =>
      cache.handle(
        request,
        () =>
          new Response('page', { headers: { 'cache-control': 'max-age=60', 'cache-tag': 't' } }),
      )
    const url = 'https://shop.test/'
    await handle(new Request(url))
    const hit = await handle(new Request(url))
    expect(hit.headers.get('cache-status')).toContain('hit')
    await cache.purgeTags('t')
    await cache.purgeUrls(url)
    const idempotency = createIdempotency({ client, prefix: 'requests', scope: () => '' })
    const charge = (status: number, key: string) =>
      idempotency.handle(
        new Request(url, { method: 'POST', headers: { 'idempotency-key': key } }),
        () => new Response('', { status }),
      )
    expect((await charge(201, 'a')).status).toBe(201)
    expect((await charge(500, 'a')).status).toBe(201)
    expect((await charge(503, 'b')).status).toBe(503)
  },
  lock: async (client) => {
    await using locks = createLocks({ client })
    await using semaphore = createSemaphore({ client, name: 'pool', permits: 1 })
    await using readWrite = createReadWriteLock({ client, name: 'table' })
    const lock = await locks.acquire('x', { ttl: '10s' })
    const next = locks.acquire('x', { ttl: '10s', wait: '5s' })
    expect(await locks.inspect('x')).toBeDefined()
    await lock.extend('10s')
    await lock.release()
    await (await next).release()
    await (await locks.acquireAll(['x', 'y'])).release()
    await locks.acquire('z')
    await locks.forceRelease('z')
    const guard = createStampedeGuard<string>({ client, locks, ttl: '1h' })
    expect(await guard.get('shop:guarded', async () => 'built')).toBe('built')
    await (await semaphore.acquire({ ttl: '10s' })).release()
    await (await readWrite.read.acquire({ ttl: '10s' })).release()
  },
  ratelimit: async (client) => {
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
    await limiter.block('u', '1s')
    await limiter.unblock('u')
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
  'pubsub-invalidation': async (client, clustered) => {
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
  createTrackingBus: async (client) => {
    await using bus = createTrackingBus({ client })
    await bus.ready()
    const near = withNearCache(client, { bus, ttl: '30s' })
    const products = createAside<string, number>({ client: near, prefix: 'product', ttl: '1h' })
    expect(await products.getOrLoad(1, () => 'loaded')).toBe('loaded')
  },
  'write-behind': async (client) => {
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
  service: async (client) => {
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
}
