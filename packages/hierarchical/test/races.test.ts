import { describe, expect, it } from 'vitest'
import { createHierarchical, type Hierarchical } from '../src/index.js'
import { Shop, onEach, productsOf, type Options, type Product } from './cases.js'
import { Moving, race } from './race.js'

const WRITES = process.env.CHAOS ? 5_000 : 80

onEach((bench) => {
  const LOST = [
    'category:0',
    'category:1',
    'category:2',
    'product:0',
    'product:1',
    'product:in:category:0',
    'product:in:category:1',
    'version-of:category%3A0',
    'version-of:category%3A1',
    'version-of:product%3A%3Achanges',
  ]
  const lose = () => bench.ask('DEL', `shop:${LOST[Math.floor(Math.random() * LOST.length)]}`)
  const sourceOf = ({ groupOf, loadGroup }: Moving): Options => ({ groupOf, loadGroup })

  describe(`${WRITES} changes and moves race loads while entries and versions get lost`, () => {
    it.each([
      ['small', {}],
      ['large, stored as hashes', { maxGroupBytes: 1 }],
      ['stale while they are reloaded', { ttl: 20, staleWhileRevalidate: '1h' }],
    ] as const)(
      'nothing stale: groups that are %s',
      async (_, options) => {
        const source = new Moving()
        const contenders = [0, 1, 2].map(() =>
          productsOf(bench.newClient(), new Shop(), { ...options, ...sourceOf(source) }),
        )
        await race({ source, contenders, writes: WRITES, lose })
        expect(source.stale).toEqual([])
        // Their number depends on how busy the machine is.
        expect(source.gone).toBeLessThan(source.reads / 10)
        expect(Math.min(source.loads, source.reads)).toBeGreaterThan(10)
        // The entries after the race are current too.
        for (const products of contenders) {
          for (const category of [0, 1, 2])
            source.checkGroup(category, await products.getGroup(category), source.settled)
          for (const id of [0, 1, 2, 3]) expect(await products.get(id)).toEqual(source.row(id))
        }
        expect(source.stale).toEqual([])
      },
      300_000,
    )

    it.each([
      ['small', 1_000_000],
      ['large', 1],
    ])(
      'nothing stale on three levels: groups that are %s',
      async (_, maxGroupBytes) => {
        const source = new Moving()
        const contenders = [0, 1, 2].map((): Hierarchical<Product, number, number> => {
          const three = createHierarchical({
            client: bench.newClient(),
            ttl: '1h',
            maxGroupBytes,
            levels: [
              { prefix: 'product', id: (product: Product) => product.id },
              {
                prefix: 'category',
                id: (product: Product) => product.category,
                of: source.groupOf,
                load: source.loadGroup,
              },
              {
                prefix: 'department',
                id: (product: Product) => product.category % 2,
                of: (category: number) => category % 2,
                load: source.loadDepartment,
              },
            ],
          })
          const getGroup = async (category: number): Promise<readonly Product[]> => {
            if (Math.random() < 0.5) return three.getGroup('category', category)
            return (await three.getGroup('department', category % 2)).filter(
              (product) => product.category === category,
            )
          }
          return {
            ...three,
            getGroup,
            peekGroup: (category) => three.peekGroup('category', category),
            invalidateGroup: (category) => three.invalidateGroup('category', category),
            beginGroupMutation: (category) => three.beginGroupMutation('category', category),
          }
        })
        await race({ source, contenders, writes: WRITES, lose })
        for (const products of contenders) {
          for (let i = 0; i < 4; i++)
            for (const category of [0, 1, 2])
              source.checkGroup(category, await products.getGroup(category), source.settled)
          for (const id of [0, 1, 2, 3]) expect(await products.get(id)).toEqual(source.row(id))
        }
        expect(source.stale).toEqual([])
        expect(source.loads).toBeGreaterThan(10)
      },
      300_000,
    )

    it('deleting an item without its group loses the race', async () => {
      const source = new Moving()
      const contenders = [0, 1, 2].map(() =>
        productsOf(bench.newClient(), new Shop(), sourceOf(source)),
      )
      for (let round = 0; round < 20 && source.stale.length === 0; round++) {
        await race({
          source,
          contenders,
          writes: 60,
          lose: async () => undefined,
          invalidate: (_, id) => bench.ask('DEL', `shop:product:${id}`),
        })
      }
      expect(source.stale.length).toBeGreaterThan(0)
    }, 60_000)
  })

  describe.each([
    ['small', {}],
    ['large', { maxGroupBytes: 1 }],
  ] as const)('a load that is held up, of a group that is %s', (_, options) => {
    /**
     * Creates a process whose group loads wait until they are released. They answer with the rows
     * at the time of the call.
     */
    function held(shop: Shop) {
      let holding = true
      const waiting: (() => void)[] = []
      let loads = 0
      const products = productsOf(bench.newClient(), shop, {
        ...options,
        async loadGroup(category) {
          const items = shop.of(category)
          loads++
          if (holding) await new Promise<void>((resolve) => waiting.push(resolve))
          return items
        },
      })
      return {
        products,
        loads: () => loads,
        loading: async () => {
          await expect.poll(() => waiting.length, { timeout: 5_000, interval: 1 }).toBe(1)
        },
        /** Those that wait, and all that come. */
        letGo() {
          holding = false
          for (const go of waiting) go()
        },
      }
    }

    it.each(['the same process', 'another process'])(
      'is not cached if its item is invalidated by %s, and later callers do not join it',
      async (who) => {
        const shop = new Shop()
        const reader = held(shop)
        const free = productsOf(bench.newClient(), shop, options)
        const first = reader.products.get(7)
        await reader.loading()
        shop.change(7, { price: 2 })
        await (who === 'the same process' ? reader.products : free).invalidate(7)
        const second = reader.products.get(7)
        reader.letGo()
        await first
        expect(await second).toMatchObject({ price: 2 })
        expect(await free.get(7)).toMatchObject({ price: 2 })
        expect(await free.getGroup(7)).toEqual(shop.of(7))
      },
    )

    it('is not cached if an item has left the group unnoticed', async () => {
      const shop = new Shop()
      const reader = held(shop)
      const free = productsOf(bench.newClient(), shop, options)
      const first = reader.products.getGroup(7)
      await reader.loading()
      shop.change(7, { category: 8 })
      await free.invalidate(7) // groupOf answers 8, and no entry names 7.
      reader.letGo()
      expect(await first).toEqual(shop.of(7)) // It noticed the change, and loaded again.
      expect(reader.loads()).toBe(2)
      expect(await free.getGroup(7)).toEqual(shop.of(7))
      expect(await free.getGroup(8)).toEqual(shop.of(8))
      expect(await free.get(7)).toEqual(shop.row(7))
    })

    it('is not cached if an item has joined the group', async () => {
      const shop = new Shop()
      const reader = held(shop)
      const free = productsOf(bench.newClient(), shop, options)
      const first = reader.products.getGroup(8)
      await reader.loading()
      shop.change(7, { category: 8 })
      await free.invalidate(7)
      reader.letGo()
      await first
      expect(await free.getGroup(8)).toEqual(shop.of(8))
      expect(await free.get(7)).toEqual(shop.row(7))
    })

    it('is not cached, as group or as item, if the group is invalidated', async () => {
      const shop = new Shop()
      const reader = held(shop)
      const free = productsOf(bench.newClient(), shop, options)
      const first = reader.products.get(7)
      await reader.loading()
      for (const id of [7, 17]) shop.change(id, { price: 2 })
      await free.invalidateGroup(7)
      reader.letGo()
      await first
      expect(await free.get(7)).toMatchObject({ price: 2 })
      expect(await free.get(17)).toMatchObject({ price: 2 })
    })

    it('is one load for all processes', async () => {
      const shop = new Shop()
      const [a, b] = [held(shop), held(shop)]
      const all = [a, b].flatMap(({ products }) => [
        products.get(7),
        products.get(17),
        products.getGroup(7),
      ])
      await expect.poll(() => a.loads() + b.loads(), { timeout: 5_000, interval: 1 }).toBe(1)
      a.letGo()
      b.letGo()
      expect(await Promise.all(all)).toEqual([
        shop.row(7),
        shop.row(17),
        shop.of(7),
        shop.row(7),
        shop.row(17),
        shop.of(7),
      ])
      expect(a.loads() + b.loads()).toBe(1)
    })
  })
})
