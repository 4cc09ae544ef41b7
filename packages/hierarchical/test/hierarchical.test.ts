import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf, type Options } from './cases.js'

const LARGE: Options = { maxGroupBytes: 1 }

onEach((bench) => {
  const make = (options: Options = {}, shop = new Shop()) => ({
    shop,
    products: productsOf(bench.newClient(), shop, options),
  })

  describe.each([
    ['small', {}],
    ['large, stored as hashes', LARGE],
  ] as const)('groups that are %s', (_, options) => {
    it('an item is read from its entry, its group or the source, and cached', async () => {
      const { shop, products } = make(options)
      expect(await products.get(7)).toEqual(shop.row(7))
      expect(shop.asked()).toEqual({ groupOf: 1, loadGroup: 1 })
      expect(await products.get(7)).toEqual(shop.row(7))
      expect(await products.getGroup(7)).toEqual(shop.of(7))
      expect(shop.asked()).toEqual({ groupOf: 0, loadGroup: 0 })
      expect(await products.get(17)).toEqual(shop.row(17))
      expect(await products.get(27)).toEqual(shop.row(27))
      expect(shop.asked()).toEqual({ groupOf: 2, loadGroup: 0 })
      await Promise.all([7, 17, 27].map((id) => products.get(id)))
      expect(shop.asked()).toEqual({ groupOf: 0, loadGroup: 0 })
    })

    it('another process reads all of it from Redis', async () => {
      const { shop, products } = make(options)
      await products.get(7)
      const other = make(options, shop)
      shop.asked()
      expect(await other.products.peek(7)).toEqual(shop.row(7))
      expect(await other.products.get(7)).toEqual(shop.row(7))
      expect(await other.products.getGroup(7)).toEqual(shop.of(7))
      expect(shop.asked()).toEqual({ groupOf: 0, loadGroup: 0 })
    })

    it('getMany returns items in order, and loads each group once', async () => {
      const { shop, products } = make(options)
      const ids = [8, 7, 17, 999, 27, 18, 7]
      expect(await products.getMany(ids)).toEqual([
        shop.row(8),
        shop.row(7),
        shop.row(17),
        null,
        shop.row(27),
        shop.row(18),
        shop.row(7),
      ])
      expect(shop.loads.sort()).toEqual([7, 8])
      shop.asked()
      expect(await products.getMany([7, 8, 17, 18, 27])).toEqual(
        [7, 8, 17, 18, 27].map((id) => shop.row(id)),
      )
      expect(shop.asked()).toEqual({ groupOf: 0, loadGroup: 0 })
      expect(await products.getMany([])).toEqual([])
    })

    it('after one invalidation, a changed item is current in both; other items stay', async () => {
      const { shop, products } = make(options)
      const other = make(options, shop)
      await products.getMany([7, 17])
      await other.products.getMany([7, 17])
      shop.change(7, { price: 2 })
      shop.asked()
      await products.invalidate(7)
      for (const each of [products, other.products]) {
        expect(await each.get(17)).toEqual(shop.row(17))
        expect(await each.get(7)).toMatchObject({ price: 2 })
        expect(await each.getGroup(7)).toEqual(shop.of(7))
      }
      expect(shop.asked()).toEqual({ groupOf: 2, loadGroup: 1 })
    })

    it.each([
      ['read before', true],
      ['known from its group alone', false],
    ])(
      'an item that moves, %s, is right in the group it was in and in the one it is in',
      async (_, read) => {
        const { shop, products } = make(options)
        const other = make(options, shop)
        for (const each of [products, other.products]) {
          await each.getGroup(7)
          await each.getGroup(8)
          if (read) await each.get(7)
        }
        shop.change(7, { category: 8 })
        await products.invalidate(7)
        for (const each of [products, other.products]) {
          expect(await each.getGroup(7)).toEqual(shop.of(7))
          expect(await each.getGroup(8)).toEqual(shop.of(8))
          expect(await each.get(7)).toEqual(shop.row(7))
          expect(await each.get(7)).toEqual(shop.row(7))
        }
      },
    )

    it('an item that moves during a load is dropped from its old group', async () => {
      const { shop, products } = make(options)
      await products.getGroup(7)
      shop.change(7, { category: 8 })
      await products.getGroup(8) // The group contains the item, before an invalidation.
      await products.invalidate(7)
      expect(await products.getGroup(7)).toEqual(shop.of(7))
      expect(await products.getGroup(8)).toEqual(shop.of(8))
    })

    it('an added or deleted item is current in both', async () => {
      const { shop, products } = make({ ...options, negativeTtl: '1h' })
      expect(await products.get(107)).toBeNull()
      expect(await products.getGroup(7)).toHaveLength(3)
      shop.rows.set(107, { id: 107, category: 7, price: 1 })
      await products.invalidate(107)
      expect(await products.getGroup(7)).toEqual(shop.of(7))
      expect(await products.get(107)).toEqual(shop.row(107))
      shop.rows.delete(107)
      await products.invalidate(107)
      expect(await products.get(107)).toBeNull()
      expect(await products.getGroup(7)).toEqual(shop.of(7))
    })

    it('invalidateGroup invalidates all items of the group', async () => {
      const { shop, products } = make(options)
      const other = make(options, shop)
      for (const each of [products, other.products]) await each.getMany([7, 17, 8])
      for (const id of [7, 17, 8]) shop.change(id, { price: 2 })
      await products.invalidateGroup(7)
      for (const each of [products, other.products]) {
        expect((await each.getMany([7, 17])).map((item) => item?.price)).toEqual([2, 2])
        expect(await each.get(8)).toMatchObject({ price: 1 }) // Its group was not invalidated.
      }
      expect(shop.loads.filter((category) => category === 7)).toHaveLength(2)
    })

    it('invalidateGroup invalidates an item that another process found in the group', async () => {
      const shop = new Shop()
      const [writer, one, other] = [0, 1, 2].map(() => productsOf(bench.newClient(), shop, options))
      for (const each of [one!, other!]) await each.get(7)
      shop.change(7, { category: 8 })
      await writer!.invalidate(7)
      for (const times of [1, 2, 3]) {
        for (let i = 0; i < times; i++) await one!.get(7)
        shop.change(7, { price: 1 + times })
        await writer!.invalidateGroup(8)
        expect(await other!.get(7)).toEqual(shop.row(7))
        expect(await one!.get(7)).toEqual(shop.row(7))
      }
    })

    it('several items or groups are invalidated with one call', async () => {
      const { shop, products } = make(options)
      await products.getMany([7, 8, 9])
      for (const id of [7, 8, 9]) shop.change(id, { price: 2, category: id - 1 })
      await products.invalidate([7, 8, 9])
      await products.invalidate([])
      expect(await products.getMany([7, 8, 9])).toEqual([7, 8, 9].map((id) => shop.row(id)))
      for (const category of [6, 7, 8, 9])
        expect(await products.getGroup(category)).toEqual(shop.of(category))
    })

    it('peek returns a cached item, from its entry or its group, and does not load', async () => {
      const { shop, products } = make(options)
      expect(await products.peek(7)).toBeUndefined()
      expect(await products.peekGroup(7)).toBeUndefined()
      await products.get(7)
      shop.asked()
      expect(await products.peek(7)).toEqual(shop.row(7))
      expect(await products.peekGroup(7)).toEqual(shop.of(7))
      await products.invalidate(7)
      expect(await products.peek(7)).toBeUndefined()
      expect(await products.peekGroup(7)).toBeUndefined()
      await products.get(17)
      await products.get(7)
      await bench.ask('DEL', 'shop:product:7')
      expect(await products.peek(7)).toEqual(shop.row(7))
    })

    it('an empty group is cached as empty', async () => {
      const { shop, products } = make(options)
      expect(await products.getGroup(99)).toEqual([])
      expect(await products.getGroup(99)).toEqual([])
      expect(await products.peekGroup(99)).toEqual([])
      expect(shop.asked().loadGroup).toBe(1)
    })

    it('without negativeTtl, the source is asked each time for a missing item', async () => {
      for (const [name, negativeTtl, times] of [
        ['a', {}, 3],
        ['b', { negativeTtl: '1h' } as Options, 1],
      ] as const) {
        const shop = new Shop()
        const products = productsOf(bench.newClient(), shop, {
          ...options,
          ...negativeTtl,
          item: { prefix: `product-${name}`, id: (product) => product.id },
          groupOf: async () => 7,
        })
        await products.getGroup(7)
        await products.get(1_000)
        shop.asked()
        for (let i = 1; i < 3; i++) expect(await products.get(1_000)).toBeNull()
        expect(shop.asked().loadGroup).toBe(times - 1)
        await products.invalidateGroup(7)
      }
    })

    it('an item in the source that its cached group does not hold yet is found', async () => {
      const { shop, products } = make(options)
      await products.getGroup(7)
      await products.getGroup(8)
      shop.rows.set(107, { id: 107, category: 7, price: 1 })
      expect(await products.get(107)).toEqual(shop.row(107))
      await products.get(7)
      shop.change(7, { category: 8 })
      await bench.ask('DEL', 'shop:product:7')
      await bench.ask('DEL', 'shop:category:7')
      expect(await products.get(7)).toEqual(shop.row(7))
    })

    it('an item without a group does not exist', async () => {
      const { shop, products } = make({ ...options, negativeTtl: '1h' })
      for (let i = 0; i < 3; i++) expect(await products.get(999)).toBeNull()
      expect(await products.getMany([999, 7])).toEqual([null, shop.row(7)])
      expect(shop.asked().groupOf).toBe(2)
    })
  })

  describe('how groups are stored', () => {
    it('a small group is a list of its items that other programs can read', async () => {
      const { shop, products } = make()
      await products.get(7)
      expect(await bench.ask('TYPE', 'shop:category:7')).toBe('string')
      expect(String(await bench.ask('GET', 'shop:category:7'))).toContain(
        JSON.stringify(shop.of(7)),
      )
    })
  })
})
