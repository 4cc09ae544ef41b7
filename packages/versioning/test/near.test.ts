import type { Command } from '@cache/core'
import {
  createInvalidationBus,
  withNearCache,
  type InvalidationBus,
} from '@cache/pubsub-invalidation'
import { afterEach, describe, expect, it } from 'vitest'
import { Shop, how, onEach, productsOf } from './cases.js'

onEach((bench) => {
  const closing: (() => unknown)[] = []
  let channel = 0
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  /** A process with a near cache; `sent` is what went to Redis. */
  async function node(name: string) {
    const sent: Command[] = []
    const client = bench.newClient((driver) => ({
      ...driver,
      send: (commands, options) => {
        sent.push(...commands)
        return driver.send(commands, options)
      },
    }))
    const bus: InvalidationBus = createInvalidationBus({ client, channel: name })
    await bus.ready()
    const near = withNearCache(client, { bus })
    closing.push(
      () => bus.close(),
      () => near.close(),
    )
    return { near, sent }
  }

  describe.each(how)('near a process, groups %s', (way) => {
    async function two() {
      const name = `near ${++channel}`
      const shop = new Shop()
      const [here, there] = [await node(name), await node(name)]
      const products = [
        productsOf(here.near, shop, way),
        productsOf(there.near, shop, way),
      ] as const
      // If groups are learnt from the value, the second load is cached.
      for (let i = 0; i < 4; i++)
        for (const one of products) for (const id of [7, 8]) await one.get(id)
      return { shop, here, there, a: products[0], b: products[1] }
    }

    it('a read sends nothing', async () => {
      const { shop, here, a } = await two()
      const { loads } = shop
      here.sent.length = 0
      for (let i = 0; i < 10; i++) expect(await a.get(7)).toEqual(shop.row(7))
      expect(await a.getMany([7, 8])).toHaveLength(2)
      expect(await a.peek(8)).toEqual(shop.row(8))
      expect(here.sent).toEqual([])
      expect(shop.loads).toBe(loads)
    })

    it('the bumping process never sees old values; others do until the message', async () => {
      const { shop, a, b } = await two()
      for (let price = 2; price < 12; price++) {
        for (const id of [7, 8]) shop.change(id, { price })
        const [bumps, other] = price % 2 ? [a, b] : [b, a]
        await bumps.bump('category:7')
        expect(await bumps.get(7)).toMatchObject({ price })
        await expect
          .poll(async () => (await other.get(7)).price, { timeout: 5_000, interval: 2 })
          .toBe(price)
        expect(await other.get(8)).toMatchObject({ price: 1 })
      }
    })

    it('reads that run during a bump are fresh once it is acknowledged', async () => {
      const { shop, a } = await two()
      let running = true
      let settled = 1
      const stale: string[] = []
      const reader = async (): Promise<void> => {
        while (running) {
          const floor = settled
          const { price } = await a.get(7)
          if (price < floor) stale.push(`${price} after ${floor}`)
          await new Promise(setImmediate)
        }
      }
      const readers = [1, 2, 3].map(reader)
      for (let price = 2; price < 25; price++) {
        shop.change(7, { price })
        await a.bump(price % 2 ? 'category:7' : 'products')
        settled = price
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
      }
      running = false
      await Promise.all(readers)
      expect(stale).toEqual([])
    })

    it('a lost version that another process has made anew causes no reloads', async () => {
      const { shop, a, b } = await two()
      await bench.ask('DEL', 'shop:version-of:category%3A7')
      await productsOf(bench.newClient(), shop, way).get(7)
      for (let i = 0; i < 4; i++) for (const one of [a, b]) await one.get(7)
      const { loads } = shop
      for (let i = 0; i < 10; i++) for (const one of [a, b]) await one.get(7)
      expect(shop.loads).toBe(loads)
    })
  })

  it.each(how)(
    'versionCache, groups %s: the bumping process is fresh at once, others within its ttl',
    async (way) => {
      const shop = new Shop()
      const versionCache = 100
      const [a, b] = [0, 1].map(() =>
        productsOf(bench.newClient(), shop, way, { versionCache }),
      ) as [ReturnType<typeof productsOf>, ReturnType<typeof productsOf>]
      for (let i = 0; i < 4; i++) for (const one of [a, b]) await one.get(7)
      for (let price = 2; price < 4; price++) {
        shop.change(7, { price })
        await a.bump('category:7')
        expect(await a.get(7)).toMatchObject({ price })
        await new Promise((resolve) => setTimeout(resolve, versionCache))
        expect(await b.get(7)).toMatchObject({ price })
      }
    },
  )

  it.each(how)(
    'versionCache, groups %s: versions that were read during a bump are not cached',
    async (way) => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, way, { versionCache: '1h' })
      for (let i = 0; i < 4; i++) await products.get(7)
      for (let price = 2; price < 20; price++) {
        shop.change(7, { price })
        await Promise.all([products.bump('category:7'), products.get(7)])
        expect(await products.get(7)).toMatchObject({ price })
      }
    },
  )

  it.each(how)(
    'versionCache, groups %s: an entry newer than the cached versions is not loaded again',
    async (way) => {
      const shop = new Shop()
      const [a, b] = [
        productsOf(bench.newClient(), shop, way, { versionCache: '1h' }),
        productsOf(bench.newClient(), shop, way),
      ]
      for (let i = 0; i < 4; i++) for (const one of [a, b]) await one.get(7)
      shop.change(7, { price: 2 })
      await b.bump('category:7')
      for (let i = 0; i < 3; i++) await b.get(7)
      const { loads } = shop
      for (let i = 0; i < 3; i++) await a.get(7)
      expect(shop.loads).toBe(loads)
    },
  )
})
