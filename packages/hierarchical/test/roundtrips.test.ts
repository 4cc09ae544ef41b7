import type { Command } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { Shop, counting, onEach, productsOf, type Options } from './cases.js'

onEach((bench) => {
  function counted(options: Options = {}, shop = new Shop()) {
    const sends: (readonly Command[])[] = []
    const products = productsOf(bench.newClient(counting(sends)), shop, options)
    const cost = async (work: () => Promise<unknown>) => {
      sends.length = 0
      shop.asked()
      await work()
      return { trips: sends.length, ...shop.asked() }
    }
    return { products, shop, sends, cost }
  }

  let isKnown = false
  /** Connections are made, every node knows the scripts, and reads have found things lately. */
  async function warm({ products }: ReturnType<typeof counted>): Promise<void> {
    const all = Array.from({ length: 30 }, (_, i) => i + 1)
    for (let round = isKnown ? 1 : 0; round < 2; round++) {
      await products.getMany(all)
      await products.get(9)
      await products.invalidate(all)
      await products.invalidateGroup([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    }
    isKnown = true
    for (let i = 0; i < 12; i++) await Promise.all([products.get(9), products.getGroup(9)])
  }

  describe.each([
    ['small', {}, 0],
    ['large, stored as hashes', { maxGroupBytes: 1 }, 1],
  ] as const)(
    'round trips and calls of the source, with groups that are %s',
    (_, options, more) => {
      it('a cached item: one trip; two the first time in a process', async () => {
        const one = counted(options)
        await warm(one)
        await one.products.get(7)
        expect(await one.cost(() => one.products.get(7))).toEqual({
          trips: 1,
          groupOf: 0,
          loadGroup: 0,
        })
        expect(
          await one.cost(() => Promise.all(Array.from({ length: 50 }, () => one.products.get(7)))),
        ).toEqual({ trips: 1, groupOf: 0, loadGroup: 0 })
        const other = counted(options, one.shop)
        await other.cost(() => other.products.get(8)) // It is connected now.
        expect(await other.cost(() => other.products.get(7))).toEqual({
          trips: 2,
          groupOf: 0,
          loadGroup: 0,
        })
        expect(await other.cost(() => other.products.get(7))).toEqual({
          trips: 1,
          groupOf: 0,
          loadGroup: 0,
        })
      })

      it('an item of a cached group: item, lease, group, fill', async () => {
        const one = counted(options)
        await warm(one)
        await one.products.get(7)
        await one.products.get(17)
        await one.products.get(17)
        await bench.ask('DEL', 'shop:product:17')
        const cost = await one.cost(() => one.products.get(17))
        expect(cost).toEqual({ trips: 4 + more, groupOf: 0, loadGroup: 0 })
      })

      it('neither cached: each is read once, and so is the source', async () => {
        const one = counted(options)
        await warm(one)
        const { trips, ...source } = await one.cost(() => one.products.get(7))
        expect(source).toEqual({ groupOf: 1, loadGroup: 1 })
        expect(trips).toBeLessThanOrEqual(12 + 2 * more)
      })

      it('a cached group: one trip', async () => {
        const one = counted(options)
        await warm(one)
        await one.products.getGroup(7)
        expect(await one.cost(() => one.products.getGroup(7))).toEqual({
          trips: 1 + more,
          groupOf: 0,
          loadGroup: 0,
        })
      })

      it('many cached items: one trip', async () => {
        const one = counted(options)
        await warm(one)
        const ids = Array.from({ length: 30 }, (_, i) => i + 1)
        await one.products.getMany(ids)
        expect(await one.cost(() => one.products.getMany(ids))).toEqual({
          trips: 1,
          groupOf: 0,
          loadGroup: 0,
        })
      })

      it('an item of a large group costs one HMGET of one item', async () => {
        const one = counted(options)
        await warm(one)
        await one.products.get(7)
        await one.products.get(17)
        await bench.ask('DEL', 'shop:product:17')
        await one.cost(() => one.products.get(17))
        const fields = one.sends
          .flat()
          .filter(
            ({ args }) => String(args[0]).startsWith('HMGET') || String(args[0]) === 'HGETALL',
          )
          .map(({ args }) => args.slice(2))
        expect(fields).toEqual(more === 1 ? [[':size', '17']] : [])
      })

      it('an invalidation of a group: one trip for any number of items', async () => {
        for (const count of [10, 1_000]) {
          const one = counted(options, new Shop(count))
          await one.products.getGroup(7)
          await one.products.invalidateGroup(7)
          await one.products.getGroup(7)
          expect(await one.cost(() => one.products.invalidateGroup(7))).toEqual({
            trips: 1,
            groupOf: 0,
            loadGroup: 0,
          })
        }
      })

      it('an invalidation of items: as many trips as for one item', async () => {
        const one = counted(options)
        await warm(one)
        await one.products.getMany([7, 8, 9])
        const single = await one.cost(() => one.products.invalidate(7))
        await one.products.getMany([7, 8, 9])
        const many = await one.cost(() => one.products.invalidate([7, 8, 9]))
        expect(many.trips).toBe(single.trips)
        expect(single.trips).toBeLessThanOrEqual(6)
        expect([single.groupOf, many.groupOf]).toEqual([1, 3])
      })
    },
  )
})
