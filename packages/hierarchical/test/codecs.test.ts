import { randomBytes } from 'node:crypto'
import { channels, compressed, encrypted, json } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf, type Product } from './cases.js'

onEach((bench) => {
  const hashes = async (): Promise<string[]> =>
    (await bench.keys()).filter((key) => key.includes(':parts:'))

  describe('the codec of groups', () => {
    it('a group that would unpack to more than maxValueBytes is a hash', async () => {
      const errors: unknown[] = []
      const onError = (error: unknown) => errors.push(error)
      channels.error.subscribe(onError)
      const options = [
        { codec: compressed(json, { threshold: 1 }), maxValueBytes: 300 },
        { maxValueBytes: 300 },
      ] as const
      for (const [i, own] of options.entries()) {
        const shop = new Shop(200)
        const [products, others] = [bench.newClient(), bench.newClient()].map((client) =>
          productsOf(client, shop, own),
        )
        expect(await products!.getGroup(7)).toEqual(shop.of(7))
        shop.asked()
        expect(await others!.getGroup(7)).toEqual(shop.of(7))
        expect(await others!.get(17)).toEqual(shop.row(17))
        expect(shop.asked().loadGroup).toBe(0)
        expect(await hashes()).toHaveLength(i + 1)
        if (i === 0) await products!.invalidateGroup(7)
      }
      channels.error.unsubscribe(onError)
      expect(errors).toEqual([])
    })

    it('encrypted: an item in the place of another or newer one is a miss', async () => {
      const shop = new Shop(30)
      const products = productsOf(bench.newClient(), shop, {
        codec: encrypted(json, { keys: { a: randomBytes(32) } }),
        maxGroupBytes: 1,
      })
      /** Loads the group, and resolves to the name of its new hash. */
      const load = async (): Promise<string> => {
        const before = await hashes()
        await products.invalidateGroup(7)
        await products.getGroup(7)
        return (await hashes()).find((one) => !before.includes(one))!
      }
      const put = async (from: string, field: string, into: string, place: string) => {
        await bench.ask(
          'EVAL',
          "return redis.call('HSET', KEYS[2], ARGV[2], redis.call('HGET', KEYS[1], ARGV[1]))",
          '2',
          from,
          into,
          field,
          place,
        )
        shop.asked()
      }
      const first = await load()
      await put(first, '27', first, '17')
      expect(await products.get(17)).toEqual(shop.row(17))
      expect(shop.asked().loadGroup).toBe(1)

      const older = await load()
      const newer = await load()
      await put(older, '7', newer, '7')
      expect(await products.getGroup(7)).toEqual(shop.of(7))
      expect(shop.asked().loadGroup).toBe(1)
    })

    it('a schema may answer with any thenable', async () => {
      const shop = new Shop(30)
      const schema = {
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          validate: (value: unknown) =>
            ({
              then: (resolve: (result: unknown) => void) => resolve({ value }),
            }) as unknown as Promise<{ value: Product }>,
        },
      }
      const [products, others] = [bench.newClient(), bench.newClient()].map((client) =>
        productsOf(client, shop, { schema }),
      )
      await products!.getGroup(7)
      expect(await others!.getGroup(7)).toEqual(shop.of(7))
      expect(await others!.get(17)).toEqual(shop.row(17))
      expect(shop.loads).toEqual([7])
    })
  })
})
