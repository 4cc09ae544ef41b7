import type { Command, Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf, type How } from './cases.js'

type Options = Parameters<typeof productsOf>[3]

onEach((bench) => {
  /**
   * Returns what a client sends, with one element for each round trip. The commands of one tick are
   * sent together, to all nodes.
   */
  function counted(way: How, options: Options = {}) {
    const sends: (readonly Command[])[] = []
    const client = bench.newClient((driver: Driver) => ({
      ...driver,
      send: (commands, how) => {
        sends.push(commands)
        return driver.send(commands, how)
      },
    }))
    const shop = new Shop()
    const products = productsOf(client, shop, way, options)
    const tripsOf = async (work: () => Promise<unknown>): Promise<number> => {
      sends.length = 0
      await work()
      return sends.length
    }
    return { products, shop, client, sends, tripsOf }
  }

  /** Connections are made, scripts known, and the entry kept. */
  async function warm({ client, products }: ReturnType<typeof counted>): Promise<void> {
    // On all nodes: a client connects to each when it is first used.
    const keys = Array.from({ length: 50 }, (_, i) => `warm:${i}`)
    await Promise.all(keys.map((key) => client.send({ args: ['GET', key], keys: [key] })))
    for (let i = 0; i < 4; i++) await products.get(7)
    for (let i = 0; i < 2; i++) {
      await products.bump(['category:7', 'products'])
      for (let j = 0; j < 4; j++) await products.get(7)
    }
  }

  describe('round trips', () => {
    it.each<[what: string, way: How, options: Options, trips: number]>([
      ['groups known before, entry and versions together', 'known before, stamp', {}, 1],
      [
        'ten groups known before',
        'known before, stamp',
        { groups: () => Array.from({ length: 10 }, (_, i) => `g${i}`) },
        1,
      ],
      ['groups learnt from the value, entry first', 'learnt from the value, stamp', {}, 2],
      [
        'groups learnt from the value, versions cached',
        'learnt from the value, stamp',
        { versionCache: '1m' },
        1,
      ],
      ["strategy 'key', versions first", 'known before, key', {}, 2],
      ["strategy 'key', versions cached", 'known before, key', { versionCache: '1m' }, 1],
      ['no groups', 'known before, stamp', { groups: () => [] }, 1],
    ])('of a hit: %s', async (_, way, options, trips) => {
      const one = counted(way, options)
      await warm(one)
      await one.products.get(7)
      expect(await one.tripsOf(() => one.products.get(7))).toBe(trips)
      expect(await one.tripsOf(() => one.products.peek(7))).toBe(trips)
      expect(
        await one.tripsOf(() => Promise.all(Array.from({ length: 50 }, () => one.products.get(7)))),
      ).toBe(trips)
    })

    it.each<[what: string, way: How, trips: number]>([
      ['groups known before: read, lease, fill', 'known before, stamp', 3],
      [
        'groups learnt from the value: read, lease, fill, and one to learn their versions',
        'learnt from the value, stamp',
        4,
      ],
      ["strategy 'key': versions, read, lease, fill", 'known before, key', 4],
    ])('of a miss with %s', async (_, way, trips) => {
      const one = counted(way, { clockSkew: 1 })
      await warm(one)
      await one.products.invalidate(7)
      // This client has never seen the value.
      const another = productsOf(one.client, one.shop, way, { clockSkew: 1 })
      expect(await one.tripsOf(() => another.get(7))).toBe(trips)
    })

    it.each<[what: string, way: How, trips: number]>([
      ['groups known before', 'known before, stamp', 3],
      ['groups learnt from the value, known from the old entry', 'learnt from the value, stamp', 4],
    ])('of the first read after a bump: %s', async (_, way, trips) => {
      const one = counted(way)
      await warm(one)
      await one.products.bump('category:7')
      expect(await one.tripsOf(() => one.products.get(7))).toBe(trips)
      const { loads } = one.shop
      await one.products.get(7)
      expect(one.shop.loads).toBe(loads)
    })

    it('of many misses in one tick: as many as of one miss', async () => {
      const one = counted('known before, stamp')
      await warm(one)
      expect(
        await one.tripsOf(() =>
          one.products.getMany(Array.from({ length: 20 }, (_, i) => i + 100)),
        ),
      ).toBe(3)
      expect(
        await one.tripsOf(() =>
          one.products.getMany(Array.from({ length: 20 }, (_, i) => i + 100)),
        ),
      ).toBe(1)
    })

    it('of a bump of many groups: one', async () => {
      const one = counted('known before, stamp')
      await warm(one)
      // Every node has the script now.
      await one.products.bump(Array.from({ length: 20 }, (_, i) => `category:${i}`))
      expect(
        await one.tripsOf(() =>
          one.products.bump(Array.from({ length: 20 }, (_, i) => `category:${i}`)),
        ),
      ).toBe(1)
    })
  })
})
