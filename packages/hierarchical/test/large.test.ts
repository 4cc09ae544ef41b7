import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf, type Options } from './cases.js'

onEach((bench) => {
  const keys = async (): Promise<string[]> => {
    const keys: string[] = []
    for await (const page of bench.newClient().scan({ glob: '*' } as never)) keys.push(...page)
    return keys
  }
  const hashes = async (): Promise<string[]> =>
    (await bench.keys()).filter((key) => key.includes(':parts:'))
  const large = (options: Options = {}, shop = new Shop(600)) => ({
    shop,
    products: productsOf(bench.newClient(), shop, { maxGroupBytes: '1kb', ...options }),
  })

  describe('a group above maxGroupBytes', () => {
    it('is a hash with a field for each item; a smaller group is not', async () => {
      const { shop, products } = large()
      await products.getGroup(7)
      const [hash, ...more] = await hashes()
      expect(more).toEqual([])
      expect(await bench.ask('HLEN', hash!)).toBe(shop.of(7).length + 2)
      expect(JSON.parse(String(await bench.ask('HGET', hash!, '7')))).toEqual(shop.row(7))
      expect(Number(await bench.ask('PTTL', hash!))).toBeGreaterThan(
        Number(await bench.ask('PTTL', 'shop:category:7')),
      )
      shop.rows.set(5_000, { id: 5_000, category: 77, price: 1 })
      await products.getGroup(77)
      expect(await hashes()).toHaveLength(1)
    })

    it('keeps the order of its items', async () => {
      const { shop, products } = large()
      const order = shop.of(7).map(({ id }) => id)
      for (let i = 0; i < 2; i++)
        expect((await products.getGroup(7)).map(({ id }) => id)).toEqual(order)
    })

    it('has at most two hashes, however often it is loaded', async () => {
      const { products } = large()
      for (let i = 0; i < 6; i++) {
        await products.getGroup(7)
        await products.invalidateGroup(7)
      }
      await products.getGroup(7)
      expect((await hashes()).length).toBeLessThanOrEqual(2)
    })

    it('is loaded anew if its hash is gone or incomplete', async () => {
      const { shop, products } = large()
      for (const lose of [
        async (hash: string) => bench.ask('DEL', hash),
        async (hash: string) => bench.ask('HDEL', hash, ':size', ':order'),
      ]) {
        await products.getGroup(7)
        shop.asked()
        for (const hash of await hashes()) await lose(hash)
        expect(await products.getGroup(7)).toEqual(shop.of(7))
        for (const hash of await hashes()) await lose(hash)
        expect(await products.get(17)).toEqual(shop.row(17))
        expect(await products.get(27)).toEqual(shop.row(27))
        expect(shop.asked().loadGroup).toBe(2)
        await products.invalidateGroup(7)
      }
    })

    it('may shrink, and grow again', async () => {
      const { shop, products } = large()
      const rows = shop.of(7)
      for (const count of [rows.length, 1, rows.length]) {
        for (const { id } of rows) shop.rows.delete(id)
        for (const row of rows.slice(0, count)) shop.rows.set(row.id, row)
        await products.invalidateGroup(7)
        for (let i = 0; i < 2; i++) expect(await products.getGroup(7)).toHaveLength(count)
        expect(await products.get(7)).toEqual(rows[0])
      }
    })

    it('of many items and bytes is sent to Redis in batches', async () => {
      const shop = new Shop(0)
      for (let id = 0; id < 2_000; id++)
        shop.rows.set(id, { id, category: 7, price: 1, text: 'x'.repeat(300) } as never)
      const { products } = large({}, shop)
      await products.getGroup(7)
      expect(await products.getGroup(7)).toEqual(shop.of(7))
      expect(await products.get(1_999)).toEqual(shop.row(1_999))
      expect(shop.asked().loadGroup).toBe(1)
    })
  })

  it('every key in Redis has a ttl', async () => {
    for (const options of [{}, { maxGroupBytes: '8mb' as const }]) {
      const { products } = large({ ...options, negativeTtl: '1m' })
      await products.getMany([7, 17, 8, 999_999])
      await products.invalidate([7, 999_999])
      await products.getMany([7, 17])
    }
    const all = await keys()
    expect(all.length).toBeGreaterThan(10)
    for (const key of all)
      expect([key, Number(await bench.ask('PTTL', key))]).not.toEqual([key, -1])
  })
})
