import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheStats } from '@cache/core'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createAside, createReadThrough, type Aside } from '../src/index.js'
import { onEach } from './cases.js'

const zero: CacheStats = {
  hits: 0,
  misses: 0,
  hitRate: 0,
  nearHits: 0,
  redisHits: 0,
  staleHits: 0,
  joined: 0,
  loads: 0,
  loadErrors: 0,
  loadMs: 0,
  averageLoadMs: 0,
  fills: 0,
  refusedFills: 0,
  writes: 0,
  invalidations: 0,
}

onEach(({ newClient }) => {
  let products: Aside<string>
  beforeEach(() => {
    products = createAside({ client: newClient(), prefix: 'product', ttl: '1h' })
  })

  describe('stats()', () => {
    it('is zero before the first call', () => {
      expect(products.stats()).toEqual(zero)
    })

    it('counts a read once: as a hit or as a miss', async () => {
      for (let i = 0; i < 4; i++) await products.getOrLoad(1, () => sleep(20, 'chair'))
      const before = products.stats()
      expect(before).toMatchObject({
        hits: 3,
        redisHits: 3,
        misses: 1,
        hitRate: 0.75,
        loads: 1,
        loadErrors: 0,
        fills: 1,
        joined: 0,
      })
      expect(before.loadMs).toBeGreaterThan(15)
      expect(before.averageLoadMs).toBe(before.loadMs)
      await products.getOrLoad(1, () => 'chair')
      expect(before.hits).toBe(3) // A snapshot does not change.
      expect(products.stats().hits).toBe(4)
    })

    it('counts each key of a read of many keys', async () => {
      const load = async (ids: readonly unknown[]) => ids.map(String)
      await products.getOrLoadMany([1, 2, 3], load)
      await products.getOrLoadMany([1, 2, 3, 4], load)
      expect(products.stats()).toMatchObject({ hits: 3, misses: 4, loads: 4, fills: 4 })
    })

    it('counts callers that joined a load', async () => {
      await Promise.all(
        Array.from({ length: 10 }, () => products.getOrLoad(1, () => sleep(20, 'chair'))),
      )
      expect(products.stats()).toMatchObject({ hits: 0, misses: 10, joined: 9, loads: 1 })
    })

    it('counts as many reads as there were when nearly all miss', async () => {
      for (let id = 0; id < 50; id++) await products.getOrLoad(id, () => 'chair')
      for (let id = 0; id < 5; id++) await products.getOrLoad(id, () => 'chair')
      expect(products.stats()).toMatchObject({ hits: 5, misses: 50, loads: 50, hitRate: 5 / 55 })
    })

    it('counts loads that throw, and the average of all loads', async () => {
      const load = vi.fn(async () => {
        await sleep(10)
        throw new Error('no such table')
      })
      for (let i = 0; i < 2; i++) await products.getOrLoad(1, load).catch(() => undefined)
      await products.getOrLoad(2, () => 'chair')
      const { loadMs, averageLoadMs, ...counts } = products.stats()
      expect(counts).toMatchObject({ misses: 3, loads: 3, loadErrors: 2, fills: 1 })
      expect(averageLoadMs).toBeCloseTo(loadMs / 3)
    })

    it('counts stale hits, and their loads in the background', async () => {
      const cache = createAside<string>({
        client: newClient(),
        prefix: 'stale',
        ttl: '1h',
        staleWhileRevalidate: '1h',
      })
      await cache.getOrLoad(1, () => 'old')
      await cache.expire(1)
      expect(await cache.getOrLoad(1, () => 'new')).toBe('old')
      await cache.idle()
      await cache.getOrLoad(1, () => 'new')
      expect(cache.stats()).toMatchObject({
        hits: 2,
        redisHits: 2,
        staleHits: 1,
        misses: 1,
        loads: 2,
        fills: 2,
        invalidations: 1,
      })
    })

    it('counts fills that an invalidation refused', async () => {
      await products.getOrLoad(1, async () => {
        await products.invalidate(1)
        return 'chair'
      })
      expect(products.stats()).toMatchObject({ fills: 0, refusedFills: 1, invalidations: 1 })
    })

    it('counts writes and invalidations once they are acknowledged', async () => {
      await products.set(1, 'chair')
      await products.invalidate([1, 2])
      await products.mutate(1, async () => undefined)
      await products.mutate(1, () => Promise.reject(new Error('rolled back'))).catch(() => 0)
      const change = await products.beginMutation([1, 2])
      expect(products.stats()).toMatchObject({ writes: 1, invalidations: 3 })
      await change.commit()
      expect(products.stats()).toMatchObject({ writes: 1, invalidations: 5 })
    })

    it('does not count peek and has', async () => {
      await products.peek(1)
      await products.has(1)
      expect(products.stats()).toEqual(zero)
    })

    it('belongs to one cache, also of those with their own loader', async () => {
      const users = createReadThrough({
        client: newClient(),
        prefix: 'user',
        ttl: '1h',
        load: (id: number) => `user ${id}`,
      })
      await users.get(1)
      await users.getMany([1, 2])
      expect(users.stats()).toMatchObject({ hits: 1, misses: 2, loads: 2 })
      expect(products.stats()).toEqual(zero)
    })
  })
})
