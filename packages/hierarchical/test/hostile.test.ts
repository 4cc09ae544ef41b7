import { CacheError, channels, compressed, encrypted, json, v8 } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHierarchical } from '../src/index.js'
import { Shop, onEach, productsOf, type Options, type Product } from './cases.js'

interface Row {
  readonly id: string
  readonly group: string
  readonly text?: string
}

onEach((bench) => {
  describe.each([
    ['small', 1_000_000],
    ['large', 1],
  ])('groups that are %s', (_, maxGroupBytes) => {
    function rowsOf(rows: readonly Row[]) {
      return createHierarchical({
        client: bench.newClient(),
        ttl: '1h',
        maxGroupBytes,
        item: { prefix: 'row', id: (row: Row) => row.id },
        group: { prefix: 'set', id: (row: Row) => row.group },
        groupOf: (id: string) => rows.find((row) => row.id === id)?.group,
        loadGroup: (group: string) => rows.filter((row) => row.group === group),
      })
    }

    it('ids with similar texts are different ids', async () => {
      const ids = [
        '__proto__',
        'constructor',
        'a:b',
        'a',
        '%3A',
        ':size',
        ':order',
        '{a}',
        '}',
        '*',
        'ü',
        '𝒳',
        '-1',
        '1',
        '01',
        'toString',
        'lease',
        'holders',
      ]
      const rows = ids.flatMap((id, i) => [
        { id, group: ids[i % 3]! },
        { id: `${id}!`, group: id },
      ])
      for (let round = 0; round < 2; round++) {
        const cache = rowsOf(rows)
        expect(await Promise.all(rows.map(({ id }) => cache.get(id)))).toEqual(rows)
        expect(await cache.getMany(rows.map(({ id }) => id))).toEqual(rows)
        expect(await Promise.all(ids.map((group) => cache.getGroup(group)))).toEqual(
          ids.map((group) => rows.filter((row) => row.group === group)),
        )
        await cache.invalidate(ids)
        await cache.invalidateGroup(ids)
      }
    })

    it('loaders receive ids with their type: bigint, string or number', async () => {
      const got: unknown[] = []
      const big = 2n ** 70n
      const cache = createHierarchical({
        client: bench.newClient(),
        ttl: '1h',
        maxGroupBytes,
        codec: v8,
        item: { prefix: 'row', id: (row: { id: bigint; group: bigint | string }) => row.id },
        group: { prefix: 'set', id: (row: { id: bigint; group: bigint | string }) => row.group },
        groupOf: (id: bigint) => (id === big ? big : '7'),
        loadGroup: (group: bigint | string) => {
          got.push(group)
          return [{ id: group === big ? big : 1n, group }]
        },
      })
      expect(await cache.get(big)).toEqual({ id: big, group: big })
      expect(await cache.get(1n)).toEqual({ id: 1n, group: '7' })
      await cache.invalidate([big, 1n])
      expect(await cache.get(big)).toEqual({ id: big, group: big })
      expect(await cache.get(1n)).toEqual({ id: 1n, group: '7' })
      expect(got).toEqual([big, '7', big, '7'])
    })

    it.each<[what: string, answer: unknown]>([
      [
        'two items of one id',
        [
          { id: 7, category: 7, price: 1 },
          { id: 7, category: 7, price: 2 },
        ],
      ],
      ['an item of another group', [{ id: 7, category: 8, price: 1 }]],
      ['null among its items', [null]],
      ['no array', { id: 7 }],
      ['null', null],
      ['undefined', undefined],
    ])('a loader that answers with %s is refused, and nothing is cached', async (_what, answer) => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, {
        maxGroupBytes,
        loadGroup: async () => answer as Product[],
      })
      for (const call of [
        () => products.getGroup(7),
        () => products.get(7),
        () => products.getMany([7]),
      ]) {
        const error = await call().catch((caught: unknown) => caught)
        expect(error).toBeInstanceOf(CacheError)
        expect(error).toMatchObject({ code: 'LOADER' })
      }
      expect(await products.peekGroup(7)).toBeUndefined()
      expect(await products.peek(7)).toBeUndefined()
      const right = productsOf(bench.newClient(), shop, { maxGroupBytes })
      expect(await right.get(7)).toEqual(shop.row(7))
    })

    it('the error of a loader rejects the call, and the next call loads', async () => {
      const shop = new Shop()
      let failing = true
      const products = productsOf(bench.newClient(), shop, {
        maxGroupBytes,
        groupOf: (id) => {
          if (failing) throw new RangeError('no groupOf')
          return shop.groupOf(id)
        },
        loadGroup: (id) => {
          if (failing) throw new RangeError('no loadGroup')
          return shop.loadGroup(id)
        },
      })
      await expect(products.get(7)).rejects.toThrow(new RangeError('no groupOf'))
      await expect(products.getGroup(7)).rejects.toThrow(new RangeError('no loadGroup'))
      await expect(products.getMany([7, 8])).rejects.toThrow(new RangeError('no groupOf'))
      failing = false
      expect(await products.get(7)).toEqual(shop.row(7))
      failing = true
      await expect(products.get(17)).rejects.toThrow(new RangeError('no groupOf'))
    })

    it('an invalidation whose groupOf throws drops known groups and rejects', async () => {
      const shop = new Shop()
      let failing = false
      const products = productsOf(bench.newClient(), shop, {
        maxGroupBytes,
        groupOf: (id) => {
          if (failing) throw new RangeError('no groupOf')
          return shop.groupOf(id)
        },
      })
      await products.getMany([7, 17])
      shop.change(7, { price: 2 })
      failing = true
      await expect(products.invalidate(7)).rejects.toThrow('no groupOf')
      expect(await products.getGroup(7)).toEqual(shop.of(7))
    })

    it.each<[string, Options]>([
      ['v8', { codec: v8 }],
      ['compressed', { codec: compressed(json, { threshold: 10 }) }],
      ['encrypted', { codec: encrypted(json, { keys: { a: Buffer.alloc(32, 1) } }) }],
      [
        'a codec whose lists begin as ours do',
        {
          codec: {
            name: 'two',
            encode: (value: unknown) => `\u0002${JSON.stringify(value)}`,
            decode: (payload) => JSON.parse(payload.toString().slice(1)) as never,
          },
        },
      ],
    ])('any codec will do: %s', async (_name, options) => {
      const shop = new Shop()
      const products = [0, 1].map(() =>
        productsOf(bench.newClient(), shop, { ...options, maxGroupBytes }),
      )
      for (const each of products) {
        expect(await each.get(7)).toEqual(shop.row(7))
        expect(await each.getGroup(7)).toEqual(shop.of(7))
        expect(await each.get(17)).toEqual(shop.row(17))
      }
      expect(shop.asked().loadGroup).toBe(1)
    })

    it('a value that does not match its schema or can’t be decoded is loaded anew', async () => {
      const shop = new Shop()
      await productsOf(bench.newClient(), shop, { maxGroupBytes }).getMany([7, 17])
      const schema = z.object({ id: z.number(), category: z.number(), price: z.number().min(2) })
      for (const id of [7, 17, 27]) shop.change(id, { price: 2 })
      const products = productsOf(bench.newClient(), shop, { maxGroupBytes, schema })
      expect(await products.get(7)).toMatchObject({ price: 2 })
      expect((await products.getGroup(7)).map(({ price }) => price)).toEqual([2, 2, 2])
      const slow = productsOf(bench.newClient(), shop, {
        maxGroupBytes,
        schema: schema.refine(async () => true),
      })
      expect((await slow.getGroup(7)).map(({ price }) => price)).toEqual([2, 2, 2])
      for (const garbage of [
        '{"a":1}',
        'null',
        '{',
        '\u0002\u0001 nowhere',
        '\u0002\u0003',
        '\u0002',
      ]) {
        await bench.ask('SET', 'shop:category:7', garbage)
        expect(await products.getGroup(7)).toEqual(shop.of(7))
      }
    })
  })

  it('errors of the cache itself are published, and do not reject reads', async () => {
    const shop = new Shop()
    const messages: unknown[] = []
    const listen = (message: unknown): unknown => messages.push(message)
    channels.error.subscribe(listen)
    const products = productsOf(bench.newClient(), shop, {
      maxValueBytes: 200,
      maxGroupBytes: 100,
      loadGroup: async (id) => [
        { id: 7, category: id, price: 1, text: 'x'.repeat(500) } as Product,
      ],
    })
    expect(await products.get(7)).toMatchObject({ id: 7 })
    expect(await products.getGroup(7)).toHaveLength(1)
    channels.error.unsubscribe(listen)
    expect(messages.length).toBeGreaterThan(0)
  })
})
