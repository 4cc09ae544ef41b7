import { createVersioned } from '@cache/versioning'
import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf, type Options } from './cases.js'

onEach((bench) => {
  const membershipsOf = async (id: number): Promise<unknown> =>
    bench.ask('HKEYS', `shop:product:{shop:product:${id}}:holders`)

  describe.each([
    ['small', {}],
    ['large', { maxGroupBytes: 1 }],
  ] as const)(
    'the group memberships of an item, with groups that are %s',
    (_, options: Options) => {
      it('are recorded when a group is loaded, and removed when it has been dropped', async () => {
        const shop = new Shop()
        const products = productsOf(bench.newClient(), shop, options)
        await products.getGroup(7)
        expect(await membershipsOf(7)).toEqual(['0:7'])
        shop.change(7, { category: 8 })
        await products.getGroup(8)
        expect(new Set((await membershipsOf(7)) as string[])).toEqual(new Set(['0:7', '0:8']))
        await products.invalidate(7)
        expect(await membershipsOf(7)).toEqual([''])
        await products.getGroup(8)
        expect(new Set((await membershipsOf(7)) as string[])).toEqual(new Set(['', '0:8']))
      })

      it('live longer than the group may be cached', async () => {
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

      it('may be lost: items that stayed are current, and so is get of a moved one', async () => {
        const shop = new Shop()
        const products = productsOf(bench.newClient(), shop, options)
        await products.getGroup(7)
        await products.getGroup(8)
        for (const id of [7, 17])
          await bench.ask('DEL', `shop:product:{shop:product:${id}}:holders`)
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

      it('are not read for an item whose group is invalidated as a whole', async () => {
        const shop = new Shop()
        const products = productsOf(bench.newClient(), shop, options)
        await products.getGroup(7)
        await products.invalidateGroup(7)
        expect(await membershipsOf(7)).toEqual(['0:7'])
      })
    },
  )

  it('a group has the same version in @cache/versioning', async () => {
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
