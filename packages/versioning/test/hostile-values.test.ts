import { encrypted, json } from '@cache/core'
import { companion } from '@cache/core/internal'
import { hostileValues, plantValue } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { Shop, how, onEach, productsOf } from './cases.js'

onEach((bench) => {
  describe.each(how)('groups %s', (way) => {
    it.runIf(way === how[0] || process.env.CHAOS)(
      'with any value at one of the keys, reads return the source’s value, and bumps work',
      async () => {
        const shop = new Shop()
        const client = bench.newClient()
        const newCache = () =>
          productsOf(client, shop, way, {
            codec: encrypted(json, { keys: { a: Buffer.alloc(32, 1) } }),
            leaseTtl: '100ms',
            waitFor: '1s',
          })
        const use = async (what: string): Promise<void> => {
          const products = newCache()
          expect(await products.get(7), what).toEqual(shop.row(7))
          shop.change(7, { price: shop.row(7).price + 1 })
          await products.bump('category:7')
          expect(await products.get(7), what).toEqual(shop.row(7))
          shop.change(7, { price: shop.row(7).price + 1 })
          await products.mutateGroups('products', () => undefined)
          for (let i = 0; i < 2; i++) expect(await newCache().get(7), what).toEqual(shop.row(7))
          await expect
            .poll(
              async () => {
                const { loads } = shop
                expect(await newCache().get(7), what).toEqual(shop.row(7))
                return shop.loads - loads
              },
              { message: what, timeout: 10_000 },
            )
            .toBe(0) // A slow load may have lost its lease.
        }
        await use('nothing yet')
        const keys = (await bench.keys())
          .filter((key) => !key.includes('{'))
          .flatMap((key) =>
            key.includes('version-of')
              ? [key, companion(key, 'lease'), companion(key, 'intents')]
              : [key],
          )
        expect(keys).toHaveLength(way.endsWith('key') ? keys.length : 7)
        for (const key of keys) {
          for (const value of hostileValues()) {
            await plantValue(client, key, value)
            await use(`${key}: ${value.name}`)
          }
        }
      },
      120_000,
    )

    it.runIf(way.endsWith('stamp'))(
      'an encrypted entry with the stamp of a later version is a miss',
      async () => {
        const shop = new Shop()
        const client = bench.newClient()
        const newCache = () =>
          productsOf(client, shop, way, {
            codec: encrypted(json, { keys: { a: Buffer.alloc(32, 1) } }),
          })
        const entry = async () =>
          client.send({
            args: ['GET', 'shop:product:7'],
            keys: ['shop:product:7'],
            binary: true,
          }) as Promise<Buffer>
        // The first load may only learn the groups.
        while ((await entry()) === null) await newCache().get(7)
        const old = await entry()
        shop.change(7, { price: 2 })
        await newCache().bump(['category:7', 'products'])
        for (let i = 0; i < 2; i++) expect(await newCache().get(7)).toEqual(shop.row(7))
        const fresh = await entry()
        // The new header with the current versions, before the old ciphertext.
        const header = 6 + fresh.readUInt32BE(2)
        await client.send({
          args: [
            'SET',
            'shop:product:7',
            Buffer.concat([fresh.subarray(0, header), old.subarray(6 + old.readUInt32BE(2))]),
          ],
          keys: ['shop:product:7'],
        })
        expect(await newCache().get(7)).toEqual(shop.row(7))
      },
    )
  })
})
