import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { createHierarchical } from '@cache/hierarchical'
import { createLocks, createSemaphore } from '@cache/lock'
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
import { describe, expect, it } from 'vitest'
import { memoryDriver } from '../src/index.js'

const newClient = (driver = memoryDriver()) => createCacheClient(driver, { namespace: 'shop' })

describe('every pattern runs in memory', () => {
  it('aside: loads once, and not again until it is invalidated', async () => {
    const cache = createAside<string>({
      client: newClient(),
      prefix: 'p',
      ttl: '1m',
      staleWhileRevalidate: '1m',
    })
    let loads = 0
    const load = async () => `value ${++loads}`
    expect(await Promise.all([cache.getOrLoad(1, load), cache.getOrLoad(1, load)])).toEqual([
      'value 1',
      'value 1',
    ])
    expect(await cache.getOrLoad(1, load)).toBe('value 1')
    await cache.invalidate(1)
    expect(await cache.getOrLoad(1, load)).toBe('value 2')
    expect(
      await cache.getOrLoadMany([1, 2, 3], (ids) => ids.map((id) => `many ${String(id)}`)),
    ).toEqual(['value 2', 'many 2', 'many 3'])
  })

  it('write-through: reads see every write', async () => {
    const rows = new Map<number, number>()
    const cache = createWriteThrough({
      client: newClient(),
      prefix: 'p',
      ttl: '1m',
      load: (id: number) => rows.get(id) ?? null,
      store: (id: number, value: number) => (rows.set(id, value), value),
    })
    for (let i = 1; i <= 20; i++) {
      await cache.update(1, i)
      expect(await cache.get(1)).toBe(i)
    }
    expect(await cache.peek(1)).toBe(20)
  })

  it('versioning: a bump invalidates a group', async () => {
    let loads = 0
    const cache = createVersioned<number, number>({
      client: newClient(),
      prefix: 'p',
      ttl: '1m',
      load: () => ++loads,
      groups: () => ['g'],
    })
    expect([await cache.get(1), await cache.get(1)]).toEqual([1, 1])
    await cache.bump('g')
    expect(await cache.get(1)).toBe(2)
  })

  it('hierarchical: items come out of their group', async () => {
    const cache = createHierarchical({
      client: newClient(),
      ttl: '1m',
      item: { prefix: 'item', id: ({ id }: { id: number; n: number }) => id },
      group: { prefix: 'shelf', id: () => 7 },
      groupOf: () => 7,
      loadGroup: () => [
        { id: 1, n: 1 },
        { id: 2, n: 2 },
      ],
    })
    expect(await cache.get(1)).toEqual({ id: 1, n: 1 })
    expect(await cache.getGroup(7)).toHaveLength(2)
    await cache.invalidateGroup(7)
    expect(await cache.getMany([1, 2, 3])).toEqual([{ id: 1, n: 1 }, { id: 2, n: 2 }, null])
  })

  it('lock and semaphore: holders exclude each other, and waiters are woken', async () => {
    const driver = memoryDriver()
    const [mine, yours] = [
      createLocks({ client: newClient(driver) }),
      createLocks({ client: newClient(driver) }),
    ]
    const held = await mine.acquire('x', { ttl: '5s' })
    expect(await yours.tryAcquire('x', { ttl: '5s' })).toBeNull()
    const waiting = yours.acquire('x', { ttl: '5s', wait: '5s' })
    await held.release()
    const next = await waiting
    expect(next.fence).toBeGreaterThan(held.fence)
    await next.release()
    const semaphore = createSemaphore({ client: newClient(driver), name: 's', permits: 2 })
    const permits = [await semaphore.acquire(), await semaphore.acquire()]
    expect(await semaphore.tryAcquire()).toBeNull()
    for (const permit of permits) await permit.release()
    for (const one of [mine, yours, semaphore]) await one.close()
  })

  it.each(
    [slidingWindow, slidingCounter, fixedWindow]
      .map((policy) => policy({ name: 'l', limit: 3, window: '1h' }))
      .concat(
        gcra({ name: 'l', limit: 3, window: '1h', burst: 3 }) as never,
        tokenBucket({ name: 'l', capacity: 3, refill: 1, interval: '1h' }) as never,
        concurrency({ name: 'l', limit: 3, ttl: '1m' }) as never,
      ),
  )('ratelimit: $policy admits exactly its limit', async (limit) => {
    const limiter = createRateLimiter({
      client: newClient(),
      prefix: 'api',
      limits: [limit],
      denyCache: false,
    })
    const decisions = await Promise.all(Array.from({ length: 8 }, () => limiter.consume('u')))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(3)
    expect(decisions.every(({ degraded }) => !degraded)).toBe(true)
  })

  it('write-behind: writes are readable at once, and reach the database', async () => {
    const driver = memoryDriver()
    const rows = new Map<string, number>()
    const cache = createWriteBehind<number, string, number>({
      client: newClient(driver),
      prefix: 'visits',
      ttl: '1m',
      load: (id) => rows.get(id) ?? 0,
      merge: (current, by) => (current ?? 0) + by,
    })
    const worker = createWriteBehindWorker<number>({
      client: newClient(driver),
      prefix: 'visits',
      flush: (writes) => {
        for (const { id, value } of writes as readonly { id: string; value: number }[])
          rows.set(id, value)
      },
    })
    const stop = new AbortController()
    const working = worker.run({ signal: stop.signal })
    for (let i = 0; i < 20; i++) await cache.update('a', 1)
    expect(await cache.get('a')).toBe(20)
    await cache.flushed('a')
    expect(rows.get('a')).toBe(20)
    stop.abort()
    await working
    await cache.close()
  })

  it.each(['invalidation', 'tracking'] as const)(
    'a near cache with the %s bus: other processes learn of a change',
    async (kind) => {
      const driver = memoryDriver()
      const open = async () => {
        const client = newClient(driver)
        const bus =
          kind === 'tracking' ? createTrackingBus({ client }) : createInvalidationBus({ client })
        await bus.ready()
        return {
          bus,
          cache: createAside<number>({
            client: withNearCache(client, { bus }),
            prefix: 'p',
            ttl: '1m',
          }),
        }
      }
      const [a, b] = [await open(), await open()]
      let row = 1
      expect([
        await a.cache.getOrLoad(1, () => row),
        await b.cache.getOrLoad(1, () => row),
      ]).toEqual([1, 1])
      row = 2
      await a.cache.invalidate(1)
      expect(await a.cache.getOrLoad(1, () => row)).toBe(2)
      await expect.poll(() => b.cache.getOrLoad(1, () => row)).toBe(2)
      for (const { bus } of [a, b]) await bus.close()
    },
  )
})
