import type { Command } from '@cache/core'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { afterEach, describe, expect, it } from 'vitest'
import { Shop, counting, onEach, productsOf } from './cases.js'

onEach((bench) => {
  const closing: (() => unknown)[] = []
  let channel = 0
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  describe.each([
    ['small', {}],
    ['large', { maxGroupBytes: 1 }],
  ] as const)('near a process, groups that are %s', (_, options) => {
    async function two() {
      const name = `near ${++channel}`
      const shop = new Shop()
      const node = async () => {
        const sends: (readonly Command[])[] = []
        const client = bench.newClient(counting(sends))
        const bus = createInvalidationBus({ client, channel: name })
        await bus.ready()
        const near = withNearCache(client, { bus })
        closing.push(
          () => bus.close(),
          () => near.close(),
        )
        return { sends, products: productsOf(near, shop, options) }
      }
      const [here, there] = [await node(), await node()]
      for (let i = 0; i < 3; i++)
        for (const { products } of [here, there])
          for (const id of [7, 17, 8]) {
            await products.get(id)
            await products.getGroup(id % 10)
          }
      return { shop, here, there }
    }

    it('a read of an item sends nothing', async () => {
      const { shop, here } = await two()
      here.sends.length = 0
      for (let i = 0; i < 10; i++) expect(await here.products.get(7)).toEqual(shop.row(7))
      expect(await here.products.getMany([7, 17, 8])).toHaveLength(3)
      expect(here.sends).toEqual([])
    })

    it('the invalidating process never sees old values; others do for a moment', async () => {
      const { shop, here, there } = await two()
      for (let price = 2; price < 8; price++) {
        shop.change(7, { price, category: 7 + (price % 2) })
        const [writer, other] = price % 2 ? [here, there] : [there, here]
        await writer.products.invalidate(7)
        expect(await writer.products.get(7)).toEqual(shop.row(7))
        for (const category of [7, 8])
          expect(await writer.products.getGroup(category)).toEqual(shop.of(category))
        await expect
          .poll(() => other.products.get(7), { timeout: 5_000, interval: 2 })
          .toEqual(shop.row(7))
        for (const category of [7, 8])
          await expect
            .poll(() => other.products.getGroup(category), { timeout: 5_000, interval: 2 })
            .toEqual(shop.of(category))
      }
    })

    it('the same holds for whole groups', async () => {
      const { shop, here, there } = await two()
      for (let price = 2; price < 8; price++) {
        for (const id of [7, 17]) shop.change(id, { price })
        const [writer, other] = price % 2 ? [here, there] : [there, here]
        await writer.products.invalidateGroup(7)
        expect((await writer.products.getMany([7, 17])).map((item) => item?.price)).toEqual([
          price,
          price,
        ])
        await expect
          .poll(async () => (await other.products.getMany([7, 17])).map((item) => item?.price), {
            timeout: 5_000,
            interval: 2,
          })
          .toEqual([price, price])
      }
    })
  })
})
