import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf } from './cases.js'

const RUNS = process.env.CHAOS ? 500 : 8

const id = fc.integer({ min: 1, max: 6 })
const category = fc.integer({ min: 0, max: 2 })
const who = fc.integer({ min: 0, max: 1 })
const LOST = ['product', 'category', 'version-of:category%3A', 'product:in:category'] as const

/** What may happen, one after the other, in two processes. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('get' as const), who, id }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('getGroup' as const), who, category }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('getMany' as const),
      who,
      ids: fc.array(id, { maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('peek' as const), who, id, category }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      who,
      rows: fc.uniqueArray(fc.record({ id, category: fc.option(category) }), {
        minLength: 1,
        maxLength: 3,
        selector: (row) => row.id,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rewrite' as const), who, category }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('lose' as const),
      what: fc.constantFrom(...LOST),
      n: fc.integer({ min: 0, max: 6 }),
    }),
  },
)

onEach((bench) => {
  describe('random operations in two processes', () => {
    it.each([
      ['small', 1_000_000],
      ['some large', 100],
      ['large', 1],
    ])(
      'a read tells what the source says: groups that are %s',
      async (_, maxGroupBytes) => {
        const clients = [bench.newClient(), bench.newClient()]
        let worlds = 0
        await fc.assert(
          fc.asyncProperty(
            fc.array(step, { minLength: 5, maxLength: 40 }),
            fc.boolean(),
            async (steps, remembers) => {
              const world = ++worlds
              const shop = new Shop(0)
              let price = 0
              const processes = clients.map((client) =>
                productsOf(client, shop, {
                  maxGroupBytes,
                  ...(remembers && { negativeTtl: '1h' as const }),
                  item: {
                    prefix: `${maxGroupBytes}.${world}.product`,
                    id: (product) => product.id,
                  },
                  group: {
                    prefix: `${maxGroupBytes}.${world}.category`,
                    id: (product) => product.category,
                  },
                }),
              )
              const row = (one: number) => shop.rows.get(one) ?? null
              const set = (items: readonly unknown[]) =>
                new Set(items.map((item) => JSON.stringify(item)))
              for (const one of steps) {
                if (one.kind === 'get')
                  expect((await processes[one.who]!.get(one.id)) ?? null).toEqual(row(one.id))
                if (one.kind === 'getGroup')
                  expect(set(await processes[one.who]!.getGroup(one.category))).toEqual(
                    set(shop.of(one.category)),
                  )
                if (one.kind === 'getMany')
                  expect(
                    (await processes[one.who]!.getMany(one.ids)).map((item) => item ?? null),
                  ).toEqual(one.ids.map(row))
                if (one.kind === 'peek') {
                  const [item, group] = [
                    await processes[one.who]!.peek(one.id),
                    await processes[one.who]!.peekGroup(one.category),
                  ]
                  if (item !== undefined) expect(item).toEqual(row(one.id))
                  if (group !== undefined) expect(set(group)).toEqual(set(shop.of(one.category)))
                }
                if (one.kind === 'write') {
                  for (const change of one.rows) {
                    if (change.category === null) shop.rows.delete(change.id)
                    else
                      shop.rows.set(change.id, {
                        id: change.id,
                        category: change.category,
                        price: ++price,
                      })
                  }
                  await processes[one.who]!.invalidate(one.rows.map((change) => change.id))
                }
                if (one.kind === 'rewrite') {
                  for (const product of shop.of(one.category))
                    shop.change(product.id, { price: ++price })
                  await processes[one.who]!.invalidateGroup(one.category)
                }
                if (one.kind === 'lose') {
                  const [first, ...rest] = one.what.split(':')
                  const scope = `${maxGroupBytes}.${world}`
                  const prefix = [first, ...rest]
                    .join(':')
                    .replace(':in:category', `:in:${scope}.category`)
                  const key =
                    first === 'version-of'
                      ? `shop:version-of:${scope}.category%3A${one.n}`
                      : `shop:${scope}.${prefix}:${one.n}`
                  await bench.ask('DEL', key)
                }
              }
            },
          ),
          { numRuns: RUNS },
        )
      },
      600_000,
    )
  })
})
