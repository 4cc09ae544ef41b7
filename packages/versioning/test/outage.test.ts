import { CommandTimeoutError, ConnectionError, createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Shop, how, productsOf } from './cases.js'

const drivers: Record<
  string,
  (url: string, timeout?: number) => { driver: Driver; end(): unknown }
> = {
  ioredis(url, timeout = 1_000) {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    return { driver: ioredisDriver(redis, { timeout }), end: () => redis.disconnect() }
  },
  'node-redis'(url, timeout = 1_000) {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    return { driver: nodeRedisDriver(redis, { timeout }), end: () => redis.destroy() }
  },
}

const READ_TIMEOUT = 100
/**
 * The length of every other deadline in the tests of readTimeout. A read that relies on another
 * deadline fails the test.
 */
const LONG = 30_000
const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

describe.each(Object.keys(drivers))(
  'on %s',
  (name) => {
    describe.each(process.env.CHAOS ? how : how.slice(1))('groups %s', (way) => {
      const ends: (() => unknown)[] = []
      afterEach(async () => {
        for (const end of ends.splice(0).reverse()) await end()
        expect(unhandled).toEqual([])
      })

      async function start(
        options: Parameters<typeof startRedis>[0] = {},
        { others, failures }: { others?: number; failures?: number } = {},
      ) {
        const server = await startRedis(options)
        const { driver, end } = drivers[name]!(server.url, others)
        const client = createCacheClient(driver, {
          resilience: {
            readTimeout: READ_TIMEOUT,
            writeTimeout: others ?? 300,
            breaker: { failures: failures ?? 3, cooldown: 200 },
          },
        })
        ends.push(
          () => server.stop(),
          end,
          () => client.close(),
        )
        const shop = new Shop()
        return { server, shop, products: productsOf(client, shop, way) }
      }

      async function expectOutage(
        { shop, products }: Awaited<ReturnType<typeof start>>,
        expected: readonly (new (...args: never[]) => Error)[],
      ): Promise<void> {
        for (let price = 2; price < 6; price++) {
          shop.change(7, { price })
          shop.loads = 0
          const started = performance.now()
          const answers = await Promise.all(Array.from({ length: 20 }, () => products.get(7)))
          expect(answers.map((product) => product.price)).toEqual(answers.map(() => price))
          expect(shop.loads).toBe(1)
          expect(await products.getMany([7, 8])).toEqual([shop.row(7), shop.row(8)])
          // The deadline, and time for a machine that runs other tests.
          expect(performance.now() - started).toBeLessThan(READ_TIMEOUT + 3_000)
        }
        expect(await products.peek(7)).toBeUndefined()
        for (const write of [
          () => products.bump('products'),
          () => products.invalidate(7),
          () => products.set(7, shop.row(7)),
          () => products.versions(['products']),
        ]) {
          const error: unknown = await write().catch((caught: unknown) => caught)
          expect(expected.some((type) => error instanceof type)).toBe(true)
        }
      }

      async function expectRecovery({
        shop,
        products,
      }: Awaited<ReturnType<typeof start>>): Promise<void> {
        await vi.waitFor(() => products.bump('products'), { timeout: 20_000, interval: 20 })
        await vi.waitFor(
          async () => {
            await products.get(7)
            expect(await products.peek(7)).toEqual(shop.row(7))
          },
          { timeout: 20_000, interval: 20 },
        )
      }

      it('with the server killed, reads load from the source and a bump rejects', async () => {
        const all = await start()
        for (let i = 0; i < 3; i++) await all.products.get(7)
        await all.server.kill()
        await expectOutage(all, [ConnectionError])
        await all.server.restart()
        await expectRecovery(all)
      })

      it('with the server paused, reads load from the source and a bump rejects', async () => {
        const all = await start()
        for (let i = 0; i < 3; i++) await all.products.get(7)
        await all.server.pause()
        try {
          await expectOutage(all, [CommandTimeoutError, ConnectionError])
        } finally {
          await all.server.resume()
        }
        await expectRecovery(all)
      })

      it('with the server paused, readTimeout alone answers reads', async () => {
        const all = await start({}, { others: LONG, failures: 1_000_000 })
        for (let i = 0; i < 3; i++) await all.products.get(7)
        await all.server.pause()
        try {
          for (let price = 2; price < 6; price++) {
            all.shop.change(7, { price })
            const started = performance.now()
            expect(await all.products.get(7)).toMatchObject({ price })
            expect(performance.now() - started).toBeLessThan(READ_TIMEOUT + 3_000)
          }
        } finally {
          await all.server.resume()
        }
        await expectRecovery(all)
      })

      it('on a full server, a bump makes entries invalid', async () => {
        const { server, shop, products } = await start({
          config: { maxmemory: '100mb', 'maxmemory-policy': 'noeviction' },
        })
        for (let i = 0; i < 3; i++) await products.get(7)
        await server.cli('CONFIG', 'SET', 'maxmemory', '1')
        expect(await products.get(7)).toMatchObject({ price: 1 })
        shop.change(7, { price: 2 })
        await products.bump('category:7')
        expect(await products.get(7)).toMatchObject({ price: 2 })
        await server.cli('CONFIG', 'SET', 'maxmemory', '0')
        await expectRecovery({ server, shop, products })
      })
    })
  },
  120_000,
)
