import type { CacheClient, Driver } from '@cache/core'
import { sendAfter } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { createHierarchical } from '../src/index.js'
import { Shop, onEach, type Product } from './cases.js'

const STEPS = 16
/** Some of the steps in the short form, others for each kind of read. */
const STRIDE = process.env.CHAOS ? 1 : 5

onEach((bench) => {
  /** Products in categories 7 to 9, and these in the departments 0 and 1. */
  function three(client: CacheClient, shop: Shop, maxGroupBytes: number) {
    return createHierarchical({
      client,
      ttl: '1h',
      maxGroupBytes,
      levels: [
        { prefix: 'product', id: (product: Product) => product.id },
        {
          prefix: 'category',
          id: (product: Product) => product.category,
          of: shop.groupOf,
          load: shop.loadGroup,
        },
        {
          prefix: 'department',
          id: (product: Product) => product.category % 2,
          of: (category: number) => category % 2,
          load: async (department: number) =>
            [...shop.rows.values()].filter((product) => product.category % 2 === department),
        },
      ],
    })
  }

  /** A process that does something else before each of its round trips. */
  function interrupted() {
    let between: (() => Promise<unknown>) | undefined
    const client = bench.newClient((driver: Driver) => ({
      ...driver,
      send: (commands, options) =>
        sendAfter(Promise.resolve(between?.()), commands, () => driver.send(commands, options)),
    }))
    return {
      client,
      async during(
        work: () => Promise<unknown>,
        each: (step: number) => Promise<unknown>,
      ): Promise<number> {
        let steps = 0
        between = () => each(steps++)
        await work()
        between = undefined
        return steps
      },
    }
  }

  type Cache = ReturnType<typeof three>
  const readAll = async (products: Cache) => ({
    items: await Promise.all([7, 17, 8].map((id) => products.get(id))),
    categories: await Promise.all([7, 8, 9].map((id) => products.getGroup('category', id))),
    departments: await Promise.all([0, 1].map((id) => products.getGroup('department', id))),
  })
  const truth = (shop: Shop) => ({
    items: [7, 17, 8].map((id) => shop.row(id)),
    categories: [7, 8, 9].map((id) => shop.of(id)),
    departments: [0, 1].map((id) =>
      [...shop.rows.values()].filter((product) => product.category % 2 === id),
    ),
  })
  const small = (): Shop => {
    const shop = new Shop(0)
    for (const id of [7, 17, 8, 18, 9]) shop.rows.set(id, { id, category: id % 10, price: 1 })
    return shop
  }

  const invalidations: [
    what: string,
    change: (shop: Shop) => void,
    invalidate: (products: Cache) => Promise<unknown>,
  ][] = [
    [
      'of an item that has changed',
      (shop) => shop.change(7, { price: shop.row(7).price + 1 }),
      (products) => products.invalidate(7),
    ],
    [
      'of an item that has moved',
      (shop) => shop.change(7, { category: 15 - shop.row(7).category }),
      (products) => products.invalidate(7),
    ],
    [
      'of a category',
      (shop) => {
        for (const id of [8, 18]) shop.change(id, { price: shop.row(id).price + 1 })
      },
      (products) => products.invalidateGroup('category', 8),
    ],
    [
      'of a department',
      (shop) => {
        for (const id of [8, 18]) shop.change(id, { price: shop.row(id).price + 1 })
      },
      async (products) => {
        await products.invalidateGroup('category', 8)
        await products.invalidateGroup('department', 0)
      },
    ],
  ]

  describe.each([
    ['small', 1_000_000],
    ['large', 1],
  ])('groups that are %s', (_, maxGroupBytes) => {
    it.each(invalidations)(
      'whatever is read between two steps of an invalidation %s, nothing old is left behind it',
      async (_what, change, invalidate) => {
        const shop = small()
        const { client, during } = interrupted()
        const writer = three(client, shop, maxGroupBytes)
        const readers = [0, 1].map(() => three(bench.newClient(), shop, maxGroupBytes))
        for (let round = 0; round < 3; round++) {
          for (const reader of readers) await readAll(reader)
          change(shop)
          // One reads as much as it can. The other reads only what the first has filled.
          const steps = await during(
            () => invalidate(writer),
            (step) =>
              round === 0 ? readAll(readers[0]!) : readers[step % 2]!.get(round === 1 ? 7 : 8),
          )
          expect(steps).toBeGreaterThan(0)
          for (const reader of [...readers, writer])
            expect(await readAll(reader)).toEqual(truth(shop))
        }
      },
    )

    it('a category that is first read during an invalidation is not left stale', async () => {
      for (let at = 0; at < 8; at++) {
        const shop = small()
        const { client, during } = interrupted()
        const writer = three(client, shop, maxGroupBytes)
        const reader = three(bench.newClient(), shop, maxGroupBytes)
        // No category has been read, so no membership says that 7 holds the item.
        await reader.getGroup('department', 1)
        shop.change(7, { category: 9 })
        await during(
          () => writer.invalidate(7),
          async (step) => {
            if (step === at) await reader.getGroup('category', 7)
          },
        )
        expect(await readAll(reader)).toEqual(truth(shop))
        await writer.invalidateGroup('category', [7, 8, 9])
        await writer.invalidateGroup('department', [0, 1])
        await writer.invalidate([7, 17, 8, 18, 9])
      }
    })

    it.each(invalidations)(
      'wherever a read is when an invalidation %s comes, nothing old is left behind it',
      async (_what, change, invalidate) => {
        const shop = small()
        const { client, during } = interrupted()
        const reader = three(client, shop, maxGroupBytes)
        const writer = three(bench.newClient(), shop, maxGroupBytes)
        const reads = [
          () => reader.get(7),
          () => reader.getGroup('category', 8),
          () => reader.getMany([7, 8, 18]),
        ]
        for (const [i, read] of reads.entries()) {
          for (let at = i % STRIDE; at < STEPS; at += STRIDE) {
            // Every other time, categories can be taken out of the department.
            if (at % 2) await writer.getGroup('department', 0)
            await during(read, async (step) => {
              if (step !== at) return
              change(shop)
              await invalidate(writer)
            })
            for (const products of [reader, writer])
              expect(await readAll(products)).toEqual(truth(shop))
            await writer.invalidate([7, 17, 8, 18])
          }
        }
      },
    )
  })
})
