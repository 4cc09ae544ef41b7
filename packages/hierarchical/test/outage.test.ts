import { CommandTimeoutError, ConnectionError, createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Shop, productsOf } from './cases.js'

const drivers: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  ioredis(url) {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

const READ_TIMEOUT = 100
const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

describe.each(Object.keys(drivers))(
  'on %s',
  (name) => {
    describe.each([
      ['small', {}],
      ['large', { maxGroupBytes: 1 }],
    ] as const)('groups that are %s', (_, options) => {
      const ends: (() => unknown)[] = []
      afterEach(async () => {
        for (const end of ends.splice(0).reverse()) await end()
        expect(unhandled).toEqual([])
      })

      async function start(readTimeout = READ_TIMEOUT, writeTimeout = 300) {
        const server = await startRedis()
        const { driver, end } = drivers[name]!(server.url)
        const client = createCacheClient(driver, {
          resilience: { readTimeout, writeTimeout, breaker: { failures: 3, cooldown: 200 } },
        })
        ends.push(
          () => server.stop(),
          end,
          () => client.close(),
        )
        const shop = new Shop()
        const products = productsOf(client, shop, options)
        await products.getMany([7, 17])
        await products.getGroup(7)
        return { server, shop, products }
      }

      async function expectOutage({
        shop,
        products,
      }: Awaited<ReturnType<typeof start>>): Promise<void> {
        for (let price = 2; price < 5; price++) {
          shop.change(7, { price })
          const started = performance.now()
          expect(await Promise.all(Array.from({ length: 20 }, () => products.get(7)))).toEqual(
            Array.from({ length: 20 }, () => shop.row(7)),
          )
          expect(await products.getMany([7, 8, 999])).toEqual([shop.row(7), shop.row(8), null])
          expect(await products.getGroup(7)).toEqual(shop.of(7))
          // A few deadlines, and time for a machine that runs other tests.
          expect(performance.now() - started).toBeLessThan(10 * READ_TIMEOUT + 3_000)
        }
        expect(await products.peek(7)).toBeUndefined()
        expect(await products.peekGroup(7)).toBeUndefined()
        for (const write of [
          () => products.invalidate(7),
          () => products.invalidate([7, 8]),
          () => products.invalidateGroup(7),
        ]) {
          const error: unknown = await write().catch((caught: unknown) => caught)
          expect(error instanceof ConnectionError || error instanceof CommandTimeoutError).toBe(
            true,
          )
        }
      }

      async function expectRecovery({
        shop,
        products,
      }: Awaited<ReturnType<typeof start>>): Promise<void> {
        await vi.waitFor(() => products.invalidate(7), { timeout: 20_000, interval: 20 })
        await vi.waitFor(
          async () => {
            await products.get(7)
            expect(await products.peek(7)).toEqual(shop.row(7))
          },
          { timeout: 20_000, interval: 20 },
        )
        await vi.waitFor(
          async () => {
            await products.getGroup(7)
            expect(await products.peekGroup(7)).toEqual(shop.of(7))
          },
          { timeout: 20_000, interval: 20 },
        )
      }

      it('with the server killed, reads load and invalidations reject', async () => {
        const all = await start()
        await all.server.kill()
        await expectOutage(all)
        await all.server.restart()
        await expectRecovery(all)
      })

      it('with the server paused, reads load and invalidations reject', async () => {
        const all = await start()
        await all.server.pause()
        try {
          await expectOutage(all)
        } finally {
          await all.server.resume()
        }
        await expectRecovery(all)
      })

      it('on a full server, reads answer, and an invalidation holds or rejects', async () => {
        const all = await start(2_000, 2_000)
        const { server, shop, products } = all
        await server.cli('CONFIG', 'SET', 'maxmemory', '1')
        expect(await products.get(8)).toEqual(shop.row(8))
        shop.change(7, { price: 2 })
        const error = await products.invalidate(7).then(
          () => undefined,
          (error: unknown) => error,
        )
        if (error === undefined) expect(await products.get(7)).toEqual(shop.row(7))
        else expect(error).toMatchObject({ code: 'OOM' })
        await server.cli('CONFIG', 'SET', 'maxmemory', '0')
        await expectRecovery(all)
      })
    })
  },
  120_000,
)
