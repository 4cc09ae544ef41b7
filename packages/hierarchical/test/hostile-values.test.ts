import { channels, encrypted, json } from '@cache/core'
import { companion } from '@cache/core/internal'
import { hostileValues, plantValue } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { Shop, onEach, productsOf } from './cases.js'

const codec = encrypted(json, { keys: { a: Buffer.alloc(32, 1) } })

onEach((bench) => {
  describe.each([
    ['small', 1_000_000],
    ['large', 1],
  ])('groups that are %s', (_, maxGroupBytes) => {
    it(
      'with any value at a key, reads return the source’s value, and invalidations work',
      async () => {
        const shop = new Shop()
        const client = bench.newClient()
        const newCache = () =>
          productsOf(client, shop, { maxGroupBytes, codec, leaseTtl: '100ms', waitFor: '1s' })
        const use = async (what: string): Promise<void> => {
          const products = newCache()
          expect(await products.get(7), what).toEqual(shop.row(7))
          expect(await products.getGroup(7), what).toEqual(shop.of(7))
          shop.change(7, { price: shop.row(7).price + 1 })
          await products.invalidate(7)
          for (const each of [products, newCache()]) {
            expect(await each.get(7), what).toEqual(shop.row(7))
            expect(await each.getGroup(7), what).toEqual(shop.of(7))
            expect(
              (await each.getMany([7, 17])).map((product) => product?.price),
              what,
            ).toEqual([7, 17].map((id) => shop.row(id).price))
          }
          shop.asked()
          const again = newCache()
          expect(await again.get(7), what).toEqual(shop.row(7))
          expect(await again.getGroup(7), what).toEqual(shop.of(7))
          expect(shop.asked(), what).toEqual({ groupOf: 0, loadGroup: 0 })
        }
        await use('nothing yet')
        const existingKeys = (await bench.keys()).map((key) => key.replace(/(:parts:).*/, '$1'))
        const keys = new Set(
          existingKeys.flatMap((key) =>
            key.includes('{') || key.includes('version-of')
              ? [key]
              : [key, companion(key, 'holders'), companion(key, 'parts')],
          ),
        )
        // The short form tries every value, but not at every key.
        for (const [k, name] of [...keys].entries()) {
          for (const value of hostileValues().filter(
            (_value, i) => process.env.CHAOS || i % 6 === k % 6,
          )) {
            const key = name.endsWith(':parts:')
              ? (await bench.keys()).find((one) => one.startsWith(name))!
              : name
            await plantValue(client, key, value)
            await use(`${key}: ${value.name}`)
          }
        }
      },
      process.env.CHAOS ? 600_000 : 60_000,
    )

    it('encrypted payloads can’t be moved, changed, or replaced by "there is none"', async () => {
      const shop = new Shop()
      const client = bench.newClient()
      const cached = async () => {
        const products = productsOf(client, shop, { maxGroupBytes, codec })
        return [await products.get(7), await products.get(17), await products.getGroup(7)]
      }
      const right = await cached()
      const messages: unknown[] = []
      const listen = (message: unknown): unknown => messages.push(message)
      channels.error.subscribe(listen)
      for (const forged of [
        [1, 4],
        [1, 12],
        [2, 1, 0x31, 0x20, 0x78],
      ].map((bytes) => Buffer.from(bytes))) {
        for (const key of (await bench.keys()).filter(
          (each) => !each.includes('{') && !each.includes('version-of'),
        )) {
          messages.length = 0
          await client.send({ args: ['SET', key, forged], keys: [key] })
          expect(await cached(), key).toEqual(right)
          expect(messages, key).toContainEqual(
            expect.objectContaining({ operation: 'decode', key }),
          )
        }
      }
      for (const hash of (await bench.keys()).filter((each) => each.includes(':parts:'))) {
        const field = async (name: string) =>
          client.send({ args: ['HGET', hash, name], keys: [hash], binary: true }) as Promise<Buffer>
        for (const [to, from] of [
          ['7', '17'],
          [':order', '7'],
        ] as const) {
          const other = await field(from)
          await client.send({ args: ['HSET', hash, to, other], keys: [hash] })
          for (const key of ['shop:product:7', 'shop:product:17'])
            await client.send({ args: ['DEL', key], keys: [key] })
          expect(await cached(), hash).toEqual(right)
        }
      }
      channels.error.unsubscribe(listen)
    })
  })
})
