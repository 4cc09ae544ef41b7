import { createCache, type Cache } from 'cache-manager'
import { Keyv } from 'keyv'
import { beforeEach, describe, expect, it } from 'vitest'
import { createKeyvStore } from '../src/index.js'
import { onEach, valueKeys } from './cases.js'

onEach((bench) => {
  const { newClient, ask } = bench
  describe('cache-manager', () => {
    let cache: Cache
    let elsewhere: Cache
    const create = (): Cache => {
      const store = createKeyvStore({ client: newClient(), prefix: 'manager' })
      return createCache({ stores: [new Keyv({ store })], ttl: 60_000 })
    }
    beforeEach(() => {
      cache = create()
      elsewhere = create()
    })

    it('wraps a function: another process reads its result', async () => {
      let calls = 0
      const load = async (): Promise<object> => ({ calls: ++calls })
      expect(await cache.wrap('a', load)).toEqual({ calls: 1 })
      expect(await cache.wrap('a', load)).toEqual({ calls: 1 })
      expect(await elsewhere.wrap('a', load)).toEqual({ calls: 1 })
      expect(Number(await ask('PTTL', 'shop:manager:keyv:a'))).toBeGreaterThan(0)
    })

    it('refreshes below the threshold', async () => {
      let calls = 0
      const load = async (): Promise<number> => ++calls
      await cache.wrap('a', load, 60_000, 1)
      expect(await cache.wrap('a', load, 60_000, 120_000)).toBe(1)
      await expect.poll(() => elsewhere.get('a')).toBe(2)
    })

    it('gets, sets and deletes one and many', async () => {
      await cache.set('a', 1)
      expect(await elsewhere.get('a')).toBe(1)
      expect(await elsewhere.ttl('a')).toBeGreaterThan(0)
      await cache.mset<unknown>([
        { key: 'b', value: 2 },
        { key: 'c', value: { deep: [3] } },
      ])
      expect(await elsewhere.mget(['a', 'b', 'c', 'd'])).toEqual([1, 2, { deep: [3] }, undefined])
      await cache.del('a')
      await cache.mdel(['b'])
      expect(await elsewhere.mget(['a', 'b', 'c'])).toEqual([undefined, undefined, { deep: [3] }])
    })

    it('clears its own keys only', async () => {
      await ask('SET', 'shop:other', '1')
      await cache.mset(Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, value: i })))
      await elsewhere.clear()
      expect(await cache.get('k1')).toBeUndefined()
      expect(await valueKeys(bench)).toEqual(['shop:other'])
    })

    it('stores a value that was loaded before a deletion, which no store can prevent', async () => {
      let finish!: (value: string) => void
      const loading = cache.wrap('a', () => new Promise<string>((resolve) => (finish = resolve)))
      await expect.poll(() => finish).toBeTypeOf('function')
      await elsewhere.del('a')
      finish('old')
      expect(await loading).toBe('old')
      expect(await elsewhere.get('a')).toBe('old')
    })

    it('disconnects without closing the client', async () => {
      await cache.disconnect()
      await cache.set('a', 1)
      expect(await cache.get('a')).toBe(1)
    })
  })
})
