import { channels } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createVersioned } from '../src/index.js'
import { Shop, how, onEach, productsOf } from './cases.js'

onEach((bench) => {
  describe.each(how)('groups %s', (way) => {
    /** Reads until it is kept: groups learnt from the value may take a second load. */
    async function settled(
      products: ReturnType<typeof productsOf>,
      shop: Shop,
      id: number,
    ): Promise<void> {
      for (let i = 0; i < 3; i++) await products.get(id)
      const { loads } = shop
      await products.get(id)
      expect(shop.loads).toBe(loads)
    }

    it('a value is loaded once, and then read from Redis by every process', async () => {
      const shop = new Shop()
      const [here, there] = [
        productsOf(bench.newClient(), shop, way),
        productsOf(bench.newClient(), shop, way),
      ]
      await settled(here, shop, 42)
      const { loads } = shop
      expect(loads).toBeLessThanOrEqual(2)
      expect(await there.get(42)).toEqual(shop.row(42))
      expect(await here.peek(42)).toEqual(shop.row(42))
      expect(shop.loads).toBe(loads)
    })

    it('inspect tells for how long a value is fresh in a cache without stale values', async () => {
      const cache = createVersioned({
        client: bench.newClient(),
        prefix: 'inspected-fresh',
        ttl: '1h',
        groups: () => ['g'],
        load: async (_: number) => 'row',
      })
      await cache.get(1)
      const { freshFor } = (await cache.inspect(1))!
      expect(freshFor).toBeGreaterThan(0)
      expect(freshFor).toBeLessThanOrEqual(3_600_000)
      await cache.set(1, 'kept', { ttl: '1d' })
      expect((await cache.inspect(1))!.freshFor).toBeGreaterThan(3_600_000)
    })

    it('inspect tells for how long a value is fresh, or has been stale', async () => {
      const cache = createVersioned({
        client: bench.newClient(),
        prefix: 'inspected',
        ttl: '1h',
        staleIfError: '1h',
        groups: () => ['g'],
        load: async (_: number) => 'row',
      })
      expect(await cache.inspect(1)).toBeUndefined()
      await cache.get(1)
      const { value, freshFor } = (await cache.inspect(1))!
      expect(value).toBe('row')
      expect(freshFor).toBeGreaterThan(0)
      expect(freshFor).toBeLessThanOrEqual(3_600_000)
      await cache.set(1, 'short', { ttl: '1ms' })
      await expect.poll(async () => (await cache.inspect(1))!.freshFor).toBeLessThan(0)
      expect((await cache.inspect(1))!.value).toBe('short')
      await cache.bump('g')
      expect(await cache.inspect(1)).toBeUndefined()
    })

    it('a bump makes all entries of its group invalid, in all processes', async () => {
      const shop = new Shop()
      const [here, there] = [
        productsOf(bench.newClient(), shop, way),
        productsOf(bench.newClient(), shop, way),
      ]
      for (const id of [7, 17, 8]) await settled(here, shop, id)
      for (const id of [7, 17, 8]) shop.change(id, { price: 2 })
      await there.bump('category:7')
      expect((await here.getMany([7, 17, 8])).map((product) => product?.price)).toEqual([2, 2, 1])
      expect(await there.peek(8)).toMatchObject({ price: 1 })
      await here.bump(['category:8', 'category:9'])
      expect(await there.get(8)).toMatchObject({ price: 2 })
    })

    it('a refresh replaces a valid value, and a bump makes the new one invalid', async () => {
      const shop = new Shop()
      const [here, there] = [
        productsOf(bench.newClient(), shop, way),
        productsOf(bench.newClient(), shop, way),
      ]
      await settled(here, shop, 7)
      shop.change(7, { price: 2 })
      expect(await there.get(7)).toMatchObject({ price: 1 })
      expect(await here.refresh(7)).toMatchObject({ price: 2 })
      expect(await there.get(7)).toMatchObject({ price: 2 })
      shop.change(7, { price: 3 })
      expect(await here.has(7)).toBe(true)
      await there.bump('category:7')
      expect(await here.has(7)).toBe(false)
      expect(await here.get(7)).toMatchObject({ price: 3 })
    })

    it('a bump of any one of many groups is enough', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, way)
      for (const group of ['category:7', 'products']) {
        await settled(products, shop, 7)
        shop.change(7, { price: shop.row(7).price + 1 })
        await products.bump(group)
        expect(await products.peek(7)).toBeUndefined()
        expect(await products.get(7)).toEqual(shop.row(7))
      }
    })

    it('versions are unique and grow, even if Redis lost the previous one', async () => {
      const products = productsOf(bench.newClient(), new Shop(), way)
      const seen: number[] = []
      for (let i = 0; i < 20; i++) {
        seen.push(
          (await products.versions(['category:7'])).get('category:7')!,
          (await products.bump('category:7')).get('category:7')!,
        )
        if (i % 2 === 0) await bench.ask('DEL', 'shop:version-of:category%3A7')
      }
      const bumped = await Promise.all(
        Array.from({ length: 50 }, () => products.bump('category:7')),
      )
      seen.push(...bumped.map((versions) => versions.get('category:7')!))
      expect(seen.filter((version, i) => i > 0 && version < seen[i - 1]!)).toEqual([])
      expect(new Set(bumped.map((versions) => versions.get('category:7'))).size).toBe(50)
    })

    it('versions grow even if the clock of the server was set back', async () => {
      const products = productsOf(bench.newClient(), new Shop(), way)
      const ahead = (await products.bump('category:7')).get('category:7')! + 3_600_000_000
      await bench.ask('SET', 'shop:version-of:category%3A7', String(ahead))
      expect((await products.bump('category:7')).get('category:7')).toBe(ahead + 1)
      expect((await products.bump('category:7')).get('category:7')).toBe(ahead + 2)
    })

    it('neither a lost version nor the next one brings an old entry back', async () => {
      const shop = new Shop()
      const [here, there] = [
        productsOf(bench.newClient(), shop, way),
        productsOf(bench.newClient(), shop, way),
      ]
      await settled(here, shop, 7)
      for (let price = 2; price < 10; price++) {
        shop.change(7, { price })
        if (price % 2 === 0) await there.bump('category:7')
        await bench.ask('DEL', 'shop:version-of:category%3A7')
        expect(await here.peek(7)).toBeUndefined()
        expect(await here.get(7)).toMatchObject({ price })
        await settled(there, shop, 7)
      }
    })

    it.each(['', 'abc', '-5', '1.5', '1e99', '9007199254740993', 'inf', '{"a":1}'])(
      'a version that was overwritten with %j is ignored',
      async (text) => {
        const shop = new Shop()
        const products = productsOf(bench.newClient(), shop, way)
        await settled(products, shop, 7)
        await bench.ask('SET', 'shop:version-of:category%3A7', text)
        shop.change(7, { price: 2 })
        expect(await products.get(7)).toMatchObject({ price: 2 })
        await bench.ask('SET', 'shop:version-of:category%3A7', text)
        await products.bump('category:7')
        shop.change(7, { price: 3 })
        expect(await products.get(7)).toMatchObject({ price: 3 })
        await settled(products, shop, 7)
      },
    )

    it('after FLUSHALL everything is loaded anew', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, way)
      await settled(products, shop, 7)
      await bench.flush()
      shop.change(7, { price: 2 })
      expect(await products.get(7)).toMatchObject({ price: 2 })
    })

    it('invalidate drops one entry or several, and returns their number', async () => {
      const shop = new Shop()
      const [here, there] = [
        productsOf(bench.newClient(), shop, way),
        productsOf(bench.newClient(), shop, way),
      ]
      for (const id of [1, 2, 3]) await settled(here, shop, id)
      shop.change(1, { price: 2 })
      expect(await there.invalidate([1, 2, 99])).toBe(2)
      expect(await here.get(1)).toMatchObject({ price: 2 })
      expect(await here.peek(2)).toBeUndefined()
      expect(await here.peek(3)).toMatchObject({ price: 1 })
      expect(await here.invalidate(3)).toBe(1)
    })

    it('set stores a current value; with versions, only if no group was bumped since', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, way)
      expect(await products.set(7, { id: 7, category: 7, price: 5 })).toBe(true)
      expect(await products.get(7)).toMatchObject({ price: 5 })
      const before = await products.versions(['category:7', 'products'])
      expect(await products.set(7, { id: 7, category: 7, price: 6 }, { versions: before })).toBe(
        true,
      )
      expect(await products.get(7)).toMatchObject({ price: 6 })
      await products.bump('category:7')
      expect(await products.set(7, { id: 7, category: 7, price: 6 }, { versions: before })).toBe(
        false,
      )
      expect(await products.get(7)).toEqual(shop.row(7))
      await expect(products.set(7, shop.row(7), { versions: new Map() })).rejects.toThrow(
        '"versions"',
      )
    })

    it('getMany loads missing values in one call, in order', async () => {
      const shop = new Shop()
      const asked: (readonly number[])[] = []
      const products = productsOf(bench.newClient(), shop, way, {
        loadMany: (ids) => {
          asked.push(ids)
          return ids.map((id) => shop.row(id))
        },
      })
      await settled(products, shop, 2)
      expect((await products.getMany([1, 2, 3, 1])).map((product) => product?.id)).toEqual([
        1, 2, 3, 1,
      ])
      expect(asked).toEqual([[1, 3]])
    })

    it('many callers of one process wait for one load', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, way)
      await Promise.all(Array.from({ length: 50 }, () => products.get(7)))
      expect(shop.loads).toBe(1)
    })

    it('after a bump, many callers of three processes cause one load', async () => {
      const shop = new Shop()
      const all = [0, 1, 2].map(() =>
        productsOf(bench.newClient(), shop, way, {
          load: async (id) => {
            await new Promise((resolve) => setTimeout(resolve, 30))
            return shop.load(id)
          },
        }),
      )
      await settled(all[0]!, shop, 7)
      for (const one of all) await one.get(7)
      // On a Cluster, a process that has not seen the old entry caches a value with learnt groups
      // only a second after the bump. Here all processes have seen it.
      for (let round = 0; round < 3; round++) {
        shop.loads = 0
        shop.change(7, { price: round + 2 })
        await all[1]!.bump('category:7')
        const answers = await Promise.all(
          all.flatMap((one) => Array.from({ length: 20 }, () => one.get(7))),
        )
        expect(new Set(answers.map(({ price }) => price))).toEqual(new Set([round + 2]))
        expect(shop.loads).toBe(1)
      }
    })
  })

  it('mutate drops its entries, also while they are read', async () => {
    const shop = new Shop()
    const products = productsOf(bench.newClient(), shop, 'known before, stamp')
    await products.get(7)
    await products.mutate(7, async () => {
      shop.change(7, { price: 2 })
      await products.get(7)
    })
    expect(await products.get(7)).toMatchObject({ price: 2 })
    await expect(
      productsOf(bench.newClient(), shop, 'known before, key').mutate(7, () => undefined),
    ).rejects.toThrow('"strategy"')
  })

  it("caches of other prefixes share the groups' versions", async () => {
    let rows = 1
    const client = bench.newClient()
    const items = createVersioned({
      client,
      prefix: 'item',
      ttl: '1h',
      load: () => rows,
      groups: () => ['stock'],
    })
    const lists = createVersioned({
      client,
      prefix: 'list',
      ttl: '1h',
      load: () => [rows],
      groups: () => ['stock'],
    })
    expect([await items.get(1), await lists.get(1)]).toEqual([1, [1]])
    rows = 2
    await items.bump('stock')
    expect([await items.get(1), await lists.get(1)]).toEqual([2, [2]])
  })

  it('"there is none" is cached, in the groups that are known without a value', async () => {
    let row: number | null = null
    let loads = 0
    const numbers = createVersioned<number | null, string>({
      client: bench.newClient(),
      prefix: 'n',
      ttl: '1h',
      negativeTtl: '1h',
      groups: () => ['all'],
      load: () => {
        loads++
        return row
      },
    })
    expect([await numbers.get('a'), await numbers.get('a'), loads]).toEqual([null, null, 1])
    row = 0
    await numbers.bump('all')
    expect([await numbers.get('a'), await numbers.get('a'), loads]).toEqual([0, 0, 2])
  })

  it('an entry whose value moves to another group follows that one', async () => {
    const shop = new Shop()
    const products = productsOf(bench.newClient(), shop, 'learnt from the value, stamp')
    for (let i = 0; i < 3; i++) await products.get(7)
    shop.change(7, { category: 8, price: 2 })
    await products.bump('category:7')
    for (let i = 0; i < 3; i++) expect(await products.get(7)).toMatchObject({ price: 2 })
    await products.bump('category:7')
    expect(await products.peek(7)).toMatchObject({ price: 2 })
    await products.bump('category:8')
    expect(await products.peek(7)).toBeUndefined()
  })

  it('groups guessed from the id may be wrong, because those of the value count', async () => {
    const shop = new Shop()
    const products = productsOf(bench.newClient(), shop, 'known before, stamp', {
      groups: (id, product) => [`category:${product?.category ?? id % 10}`],
    })
    shop.change(7, { category: 8 })
    for (let i = 0; i < 3; i++) await products.get(7)
    expect(shop.loads).toBe(2)
    await products.bump('category:7')
    expect(await products.peek(7)).toMatchObject({ category: 8 })
    shop.change(7, { price: 2 })
    await products.bump('category:8')
    expect(await products.get(7)).toMatchObject({ price: 2 })
  })

  it('groups that are known without the value may be some of all groups', async () => {
    const rows = new Map<number, string>()
    let loads = 0
    const cache = createVersioned({
      client: bench.newClient(),
      prefix: 'partly-known',
      ttl: '1h',
      negativeTtl: '1h',
      clockSkew: '1ms',
      load: async (id: number) => (loads++, rows.get(id)),
      groups: (_, row) => (row === undefined ? ['all'] : ['all', `group:${row}`]),
    })
    expect(await cache.get(1)).toBeUndefined()
    expect(await cache.get(1)).toBeUndefined()
    expect(loads).toBe(1)
    rows.set(1, 'a')
    await cache.bump('all')
    for (let i = 0; i < 3; i++) expect(await cache.get(1)).toBe('a')
    expect(loads).toBeLessThanOrEqual(3)
    await cache.bump('group:a')
    rows.set(1, 'b')
    expect(await cache.get(1)).toBe('b')

    // The cache has learnt that values have more groups. One that exists costs no second load.
    await cache.get(1)
    await expect
      .poll(async () => {
        const id = rows.size + 1
        rows.set(id, 'b')
        loads = 0
        for (let i = 0; i < 2; i++) await cache.get(id)
        return loads
      })
      .toBe(1)
  })

  it('groups with similar names are different groups', async () => {
    const names = [
      '__proto__',
      'constructor',
      'a:b',
      'a%3Ab',
      'a',
      'b',
      '{a}',
      'ä 💶',
      '*',
      'x'.repeat(500),
    ]
    let row = 0
    const values = createVersioned<number, string>({
      client: bench.newClient(),
      prefix: 'n',
      ttl: '1h',
      load: () => row,
      groups: (id) => [id],
    })
    for (const bumped of names) {
      row++
      for (const name of names) await values.get(name)
      row++
      await values.bump(bumped)
      const read = await Promise.all(names.map((name) => values.get(name)))
      expect(names.filter((_, i) => read[i] === row)).toEqual([bumped])
      await values.bump(names)
    }
  })

  it('a group without a cache can be bumped, and is published on cache:invalidate', async () => {
    const products = productsOf(bench.newClient(), new Shop(), 'known before, stamp')
    const messages: unknown[] = []
    const listen = (message: unknown): void => void messages.push(message)
    channels.invalidate.subscribe(listen)
    await products.bump(['a', 'a', 'b'])
    channels.invalidate.unsubscribe(listen)
    expect(messages).toEqual([{ keys: ['shop:version-of:a', 'shop:version-of:b'] }])
  })

  it('a version lives as long as the longest versionTtl of its caches', async () => {
    const shop = new Shop()
    const [short, long] = ['1h', '60d'].map((versionTtl) =>
      productsOf(bench.newClient(), shop, 'known before, stamp', {
        versionTtl: versionTtl as '1h',
      }),
    ) as [ReturnType<typeof productsOf>, ReturnType<typeof productsOf>]
    await long.get(7)
    await short.bump('category:7')
    expect(await bench.ask('PTTL', 'shop:version-of:category%3A7')).toBeGreaterThan(59 * 86_400_000)
    await short.bump('other')
    expect(await bench.ask('PTTL', 'shop:version-of:other')).toBeLessThanOrEqual(3_600_000)
    await long.bump('other')
    expect(await bench.ask('PTTL', 'shop:version-of:other')).toBeGreaterThan(59 * 86_400_000)
  })

  it('an entry that was stored without versions is a miss', async () => {
    const shop = new Shop()
    const products = productsOf(bench.newClient(), shop, 'known before, stamp')
    await bench.ask('SET', 'shop:product:7', JSON.stringify({ id: 7, category: 7, price: 99 }))
    expect(await products.get(7)).toMatchObject({ price: 1 })
    expect(await products.get(7)).toMatchObject({ price: 1 })
    expect(shop.loads).toBe(1)
  })

  it("strategy 'key' stores plain JSON under a key with the version in it", async () => {
    const shop = new Shop()
    const products = productsOf(bench.newClient(), shop, 'known before, key', {
      groups: () => ['c'],
    })
    await products.get(7)
    const version = (await products.versions(['c'])).get('c')!
    expect(await bench.ask('GET', `shop:product:7:v${version}`)).toBe(JSON.stringify(shop.row(7)))
  })

  it("strategy 'key' does not cache a value of an unknown group, and reports it", async () => {
    const shop = new Shop()
    const products = productsOf(bench.newClient(), shop, 'known before, key', {
      groups: (_, product) => (product ? ['a', 'b'] : ['a']),
    })
    await products.get(7)
    await products.get(7)
    expect(shop.loads).toBe(2)
    await expect(products.set(7, shop.row(7))).rejects.toMatchObject({ code: 'GROUPS' })
  })
})

onEach((bench) => {
  describe.each(how)('mutateGroups, groups %s', (way) => {
    it('makes the entries invalid after the change, including those read meanwhile', async () => {
      const shop = new Shop()
      const [here, there] = [
        productsOf(bench.newClient(), shop, way),
        productsOf(bench.newClient(), shop, way),
      ]
      for (let i = 0; i < 3; i++) await here.get(7)
      for (let price = 2; price < 8; price++) {
        const result = await there.mutateGroups('category:7', async () => {
          for (let i = 0; i < 3; i++)
            for (const one of [here, there])
              expect(await one.get(7)).toMatchObject({ price: price - 1 })
          shop.change(7, { price })
          return price
        })
        expect(result).toBe(price)
        for (const one of [here, there]) expect(await one.get(7)).toMatchObject({ price })
      }
    })

    it('a change that throws rejects with its error, and entries are loaded anew', async () => {
      const shop = new Shop()
      const products = productsOf(bench.newClient(), shop, way)
      for (let i = 0; i < 3; i++) await products.get(7)
      await expect(
        products.mutateGroups(['category:7'], () => {
          throw new RangeError('no')
        }),
      ).rejects.toThrow(RangeError)
      expect(await products.peek(7)).toBeUndefined()
    })
  })

  it('a process that dies in mutateGroups leaves nothing stale beyond intentTtl', async () => {
    const shop = new Shop()
    const [here, there] = [0, 1].map(() =>
      productsOf(bench.newClient(), shop, 'known before, stamp', { intentTtl: 3_000 }),
    ) as [ReturnType<typeof productsOf>, ReturnType<typeof productsOf>]
    await Promise.all(
      [
        () => undefined,
        () => there.bump('category:2'),
        () => bench.ask('DEL', 'shop:version-of:category%3A3'),
        () => there.mutateGroups('category:4', () => undefined),
      ].map(async (meanwhile, i) => {
        const id = i + 1
        await here.get(id)
        await new Promise<void>(
          (resolve) =>
            void here.mutateGroups(`category:${id}`, () => {
              resolve()
              return new Promise(() => undefined)
            }),
        ) // The change never returns.
        await meanwhile()
        await there.get(id) // This caches the old row with the current version.
        shop.change(id, { price: 2 })
        // Intents live a second longer than their deadline, and a busy machine may be slow.
        await expect
          .poll(async () => (await there.get(id)).price, { timeout: 20_000, interval: 20 })
          .toBe(2)
      }),
    )
  })
})
