import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf } from './cases.js'

onEach((bench) => {
  describe('a transaction', () => {
    it.each([{}, { maxGroupBytes: 1 }])(
      'changes and moves an item: reads return its old state until the commit (%o)',
      async (options) => {
        const shop = new Shop()
        const [mine, other] = [
          productsOf(bench.newClient(), shop, options),
          productsOf(bench.newClient(), shop, options),
        ]
        const read = async (who = other) => [
          await who.get(7),
          (await who.getGroup(7)).some(({ id }) => id === 7),
          (await who.getGroup(8)).some(({ id }) => id === 7),
        ]
        await read()
        const before = shop.row(7)
        await using change = await mine.beginMutation(7)
        expect(await read()).toEqual([before, true, false])
        shop.change(7, { category: 8, price: 99 })
        await read()
        await change.commit()
        expect(await read()).toEqual([shop.row(7), false, true])
        expect(await read(mine)).toEqual([shop.row(7), false, true])
        await using rolledBack = await mine.beginMutation([7, 8])
        await rolledBack.abort()
        expect(await read()).toEqual([shop.row(7), false, true])
      },
    )

    it('whose groupOf throws at the commit may commit again', async () => {
      const shop = new Shop()
      let failing = false
      const groupOf = async (id: number) => {
        if (failing) throw new Error('no database')
        return shop.groupOf(id)
      }
      const [mine, other] = [
        productsOf(bench.newClient(), shop, { groupOf }),
        productsOf(bench.newClient(), shop),
      ]
      await Promise.all([other.get(7), other.getGroup(7), other.getGroup(8)])
      const change = await mine.beginMutation(7, { intentTtl: '1m' })
      shop.change(7, { category: 8, price: 99 })
      failing = true
      await expect(change.commit()).rejects.toThrow('no database')
      expect(await other.get(7)).toEqual(shop.row(7))
      expect(await other.getGroup(7)).toEqual(shop.of(7))
      failing = false
      await change.commit()
      await change.commit()
      expect(await other.getGroup(8)).toEqual(shop.of(8))
    })

    it('changes a group', async () => {
      const shop = new Shop()
      const [mine, other] = [
        productsOf(bench.newClient(), shop),
        productsOf(bench.newClient(), shop),
      ]
      await other.getGroup(7)
      await other.get(7)
      await using change = await mine.beginGroupMutation(7, { intentTtl: '1m' })
      await other.get(7)
      shop.change(7, { price: 99 })
      await change.commit()
      expect(await other.get(7)).toEqual(shop.row(7))
      expect(await other.getGroup(7)).toEqual(shop.of(7))
    })
  })
})
