import { createVersioned } from '@cache/versioning'
import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf, type Options } from './cases.js'

onEach((bench) => {
  const holders = async (id: number): Promise<unknown> =>
    bench.ask('HKEYS', `shop:product:{shop:product:${id}}:holders`)

  describe.each([
    ['small', {}],
    ['large', { maxGroupBytes: 1 }],
  ] as const)('which groups hold an item, with groups that are %s', (_, options: Options) => {
    it('is noted when a group is loaded, and forgotten when it has been dropped', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, options)
      await products.getGroup(7)
      expect(await holders(7)).toEqual(['0:7'])
      shop.change(7, { category: 8 })
      await products.getGroup(8)
      expect(new Set((await holders(7)) as string[])).toEqual(new Set(['0:7', '0:8']))
      await products.invalidate(7)
      expect(await holders(7)).toEqual([''])
      await products.getGroup(8)
      expect(new Set((await holders(7)) as string[])).toEqual(new Set(['', '0:8']))
    })

    it('is kept for longer than the group may be cached', async () => {
      const products = productsOf(bench.newClient(), new Shop(), {
        ...options,
        jitter: 0.5,
        staleIfError: '1h',
      })
      await products.getGroup(7)
      for (const id of [7, 17])
        expect(
          Number(await bench.ask('PTTL', `shop:product:{shop:product:${id}}:holders`)),
        ).toBeGreaterThan(Number(await bench.ask('PTTL', 'shop:category:7')))
      await products.invalidate(7)
      expect(
        Number(await bench.ask('PTTL', 'shop:product:{shop:product:7}:holders')),
      ).toBeGreaterThan(0)
    })

    it('may be lost: an item that stayed where it is is right all the same, and one that moved is, when it is asked for', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, options)
      await products.getGroup(7)
      await products.getGroup(8)
      for (const id of [7, 17]) await bench.ask('DEL', `shop:product:{shop:product:${id}}:holders`)
      shop.change(17, { price: 2 })
      await products.invalidate(17)
      expect(await products.getGroup(7)).toEqual(shop.of(7))
      await bench.ask('DEL', 'shop:product:{shop:product:7}:holders')
      shop.change(7, { category: 8 })
      await products.invalidate(7)
      expect(await products.get(7)).toEqual(shop.row(7))
      expect(await products.getGroup(8)).toEqual(shop.of(8))
      await products.invalidateGroup(7)
      expect(await products.getGroup(7)).toEqual(shop.of(7))
    })

    it('is not asked for an item whose group is invalidated as a whole', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, options)
      await products.getGroup(7)
      await products.invalidateGroup(7)
      expect(await holders(7)).toEqual(['0:7'])
    })
  })

  it("a group's version is that of the group in @cache/versioning: what one makes invalid is so in the other", async () => {
    const client = bench.newClient()
    const shop = new Shop()
    const products = productsOf(client, shop)
    let loads = 0
    const pages = createVersioned({
      client,
      prefix: 'page',
      ttl: '1h',
      load: async (id: string) => `${id} ${++loads}`,
      groups: () => ['category:7'],
    })
    await products.get(7)
    expect(await pages.get('a')).toBe('a 1')
    shop.change(7, { price: 2 })
    await products.invalidateGroup(7)
    expect(await pages.get('a')).toBe('a 2')
    expect(await products.get(7)).toMatchObject({ price: 2 })
    shop.change(7, { price: 3 })
    await pages.bump('category:7')
    expect(await products.get(7)).toMatchObject({ price: 3 })
    expect(await products.getGroup(7)).toEqual(shop.of(7))
  })
})
