import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf, type Options } from './cases.js'

onEach((bench) => {
  const life = async (key: string): Promise<number> => Number(await bench.ask('PTTL', key))

  describe.each([
    ['small', {}],
    ['large', { maxGroupBytes: 1 }],
  ] as const)('how old things may become, with groups that are %s', (_, options: Options) => {
    it('an item that is filled from its group does not outlive it', async () => {
      const products = productsOf(bench.newClient(), new Shop(), { ...options, ttl: '1h' })
      await products.getGroup(7)
      await bench.ask('PEXPIRE', 'shop:category:7', '60000')
      await products.getMany([7, 17])
      await products.get(27)
      for (const id of [7, 17, 27])
        expect(await life(`shop:product:${id}`)).toBeLessThanOrEqual(60_000)
    })

    it('an item that is filled from its group does not outlive it with jitter', async () => {
      const products = productsOf(bench.newClient(), new Shop(100), {
        ...options,
        ttl: '1h',
        jitter: 0.5,
      })
      await products.getGroup(7)
      await bench.ask('PEXPIRE', 'shop:category:7', '60000')
      const ids = Array.from({ length: 10 }, (_unused, i) => 7 + 10 * i)
      await products.getMany(ids)
      for (const id of ids) expect(await life(`shop:product:${id}`)).toBeLessThanOrEqual(60_000)
    })

    it('an item out of a stale group is not cached as if it were fresh', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, {
        ...options,
        ttl: '1h',
        staleWhileRevalidate: '1h',
      })
      await products.getGroup(7)
      // Half of its stale time is over.
      await bench.ask('PEXPIRE', 'shop:category:7', String(30 * 60_000))
      for (const id of [7, 17]) shop.change(id, { price: 2 }) // No invalidation follows.
      expect(await products.get(7)).toMatchObject({ price: 1 })
      await expect
        .poll(async () => (await products.getGroup(7))[0]!.price, { timeout: 5_000, interval: 5 })
        .toBe(2)
      await expect
        .poll(async () => (await products.get(7))!.price, { timeout: 5_000, interval: 20 })
        .toBe(2)
    })

    it('with staleIfError, stale values are served if the loader throws', async () => {
      const shop = new Shop()
      let failing = false
      const products = productsOf(bench.newClient(), shop, {
        ...options,
        ttl: '1h',
        staleIfError: '1h',
        loadGroup: (id) => {
          if (failing) throw new Error('no database')
          return shop.loadGroup(id)
        },
      })
      await products.get(7)
      failing = true
      for (const key of ['shop:category:7', 'shop:product:7'])
        await bench.ask('PEXPIRE', key, String(30 * 60_000))
      expect(await products.getGroup(7)).toEqual(shop.of(7))
      expect(await products.get(7)).toEqual(shop.row(7))
      await products.invalidate(7)
      await expect(products.getGroup(7)).rejects.toThrow('no database')
    })
  })
})
