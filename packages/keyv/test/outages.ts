import {
  channels,
  createCacheClient,
  type CacheClient,
  type Driver,
  type Messages,
} from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startProxy, startRedis } from '@cache/testkit'
import { createCache } from 'cache-manager'
import { Redis } from 'ioredis'
import { Keyv } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import { createClient } from 'redis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createApolloCache } from '../src/apollo.js'
import { createKeyvStore } from '../src/index.js'
import { createUnstorageDriver } from '../src/unstorage.js'
import { versions, type AnyKeyv, type AnyKeyvOptions } from './cases.js'

const drivers: Record<
  'ioredis' | 'node-redis',
  (url: string) => { driver: Driver; end(): unknown }
> = {
  ioredis(url) {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    return { driver: ioredisDriver(redis, { timeout: 1_000 }), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    return { driver: nodeRedisDriver(redis, { timeout: 1_000 }), end: () => redis.destroy() }
  },
}

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
  expect(unhandled).toEqual([])
})

async function start() {
  const server = await startRedis()
  ends.push(() => server.stop())
  return server
}

/** Time for a deadline, on a machine that runs other tests. */
const SOON = 3_000

async function soon<R>(work: Promise<R>): Promise<R> {
  const started = performance.now()
  try {
    return await work
  } finally {
    expect(performance.now() - started).toBeLessThan(SOON)
  }
}

/** Runs all tests on one client. Each has a file, so that they run at the same time. */
export function testOutages(name: 'ioredis' | 'node-redis'): void {
  describe(`on ${name}`, () => {
    /** With `patience`, a busy machine does not miss the deadlines. */
    function connect(url: string, patience = 1): CacheClient {
      const { driver, end } = drivers[name](url)
      const client = createCacheClient(driver, {
        resilience: {
          readTimeout: 100 * patience,
          writeTimeout: 150 * patience,
          breaker: { failures: 3, cooldown: 200 },
        },
      })
      ends.push(end, () => client.close())
      return client
    }

    async function expectStored(keyv: AnyKeyv, key: string): Promise<void> {
      await vi.waitFor(
        async () => {
          expect(await keyv.set(key, 'kept')).toBe(true)
          expect(await keyv.get(key)).toBe('kept')
        },
        { timeout: 20_000, interval: 20 },
      )
      keyv.errors.length = 0
    }

    describe.each(versions)('Keyv $version', ({ create }) => {
      /** Expects that reads find nothing and writes fail, each with one `error`. */
      async function expectOutage(keyv: AnyKeyv): Promise<void> {
        const calls: [() => Promise<unknown>, unknown][] = [
          [() => keyv.get('a'), undefined],
          [() => keyv.getMany(['a', 'b']), [undefined, undefined]],
          [() => keyv.has('a'), false],
          [() => keyv.hasMany(['a', 'b']), [false, false]],
          [() => keyv.set('w', 1), false],
          [() => keyv.setMany([{ key: 'w', value: 1 }]), [false]],
          [() => keyv.delete('w'), false],
          [() => keyv.clear(), undefined],
        ]
        for (const [call, expected] of calls) {
          keyv.errors.length = 0
          expect(await soon(call())).toEqual(expected)
          expect(keyv.errors).toHaveLength(1)
          expect(keyv.errors[0]).toMatchObject({
            name: expect.stringMatching(/^(ConnectionError|CommandTimeoutError)$/) as string,
          })
        }
        keyv.errors.length = 0
      }

      it.each(['killed', 'paused', 'swallowed', 'cut'])(
        'a server that is %s: nothing hangs, and it recovers',
        async (fault) => {
          const server = await start()
          const proxy = await startProxy(server)
          ends.push(() => proxy.close())
          const keyv = create(connect(proxy.url))
          await expectStored(keyv, 'a')
          if (fault === 'killed') await server.kill()
          else if (fault === 'paused') await server.pause()
          else if (fault === 'swallowed') proxy.swallow('both')
          else await proxy.cut()
          await expectOutage(keyv)
          if (fault === 'killed') await server.restart()
          else if (fault === 'paused') await server.resume()
          else {
            await proxy.pass()
            proxy.drop()
          }
          await expectStored(keyv, 'b')
        },
      )

      it('a server that was never there', async () => {
        const server = await start()
        await server.kill()
        const keyv = create(connect(server.url))
        await expectOutage(keyv)
        await server.restart()
        await expectStored(keyv, 'a')
      })

      it('an iteration does not end as if it were complete', async () => {
        const server = await start()
        const keyv = create(connect(server.url))
        const entries = Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, value: i }))
        await create(connect(server.url, 50)).setMany(entries)
        await expectStored(keyv, 'a')
        keyv.errors.length = 0
        const iterate = async (): Promise<void> => {
          let seen = 0
          for await (const entry of keyv.entries()) {
            expect(entry).toHaveLength(2)
            if (++seen === 1) await server.pause()
          }
        }
        const failure = await iterate().catch((error: unknown) => error)
        await server.resume()
        expect([failure, ...keyv.errors].some((error) => error instanceof Error)).toBe(true)
      })
    })

    it('a set that got no answer does not overwrite a later one', async () => {
      const server = await start()
      const stuck = versions[0]!.create(connect(server.url))
      const other = versions[0]!.create(connect(server.url, 50))
      await expectStored(stuck, 'a')
      for (let round = 0; round < 2; round++) {
        await server.pause()
        expect(await stuck.set('a', `lost ${round}`)).toBe(false)
        await server.resume()
        expect(await other.set('a', round)).toBe(true)
        for (let i = 0; i < 10; i++) {
          expect(await other.get('a')).toBe(round)
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
        await expectStored(stuck, 'recovered')
        expect(await other.get('a')).toBe(round)
      }
    })

    it('with onOutage "reject", the Keyv decides', async () => {
      const server = await start()
      await server.kill()
      const options: AnyKeyvOptions = { onOutage: 'reject' }
      const client = connect(server.url)
      const store = createKeyvStore({ client, prefix: 'keyv', ...options })
      const throwing = new Keyv({ store, throwOnErrors: true })
      await expect(soon(throwing.get('a'))).rejects.toMatchObject({ name: 'ConnectionError' })
      await expect(soon(throwing.getMany(['a']))).rejects.toThrow()
      await expect(soon(throwing.has('a'))).rejects.toThrow()
      expect(await soon(new Keyv({ store }).get('a'))).toBeUndefined()
      const six = versions[1]!.create(client, options)
      expect(await soon(six.get('a'))).toBeUndefined()
      expect(six.errors).toHaveLength(1)
    })

    it('reads that find nothing are published on the channel of errors', async () => {
      const server = await start()
      await server.kill()
      const keyv = versions[0]!.create(connect(server.url))
      const published: Messages['error'][] = []
      const listen = (message: unknown) => published.push(message as Messages['error'])
      channels.error.subscribe(listen)
      ends.push(() => channels.error.unsubscribe(listen))
      await keyv.get('a')
      expect(published.filter(({ operation }) => operation === 'read')).toMatchObject([
        { key: 'keyv:a', error: keyv.errors[0] },
      ])
    })

    it('a Keyv without a listener of errors finds nothing, and nothing is unhandled', async () => {
      const server = await start()
      await server.kill()
      const create = () => createKeyvStore({ client: connect(server.url), prefix: 'keyv' })
      expect(await soon(new Keyv({ store: create() }).get('a'))).toBeUndefined()
      expect(await soon(new Keyv6({ store: create() }).get('a'))).toBeUndefined()
    })

    it('cache-manager loads from the source', async () => {
      const server = await start()
      const store = createKeyvStore({ client: connect(server.url), prefix: 'keyv' })
      const errors: unknown[] = []
      const keyv = new Keyv({ store })
      keyv.on('error', (error) => errors.push(error))
      const cache = createCache({ stores: [keyv] })
      await server.pause()
      for (let i = 0; i < 5; i++)
        expect(await soon(cache.wrap(`k${i}`, async () => i, 60_000))).toBe(i)
      expect(await soon(cache.get('a'))).toBeUndefined()
      expect(await soon(cache.mget(['a', 'b']))).toEqual([undefined, undefined])
      await soon(cache.set('a', 1))
      await soon(cache.del('a'))
      expect(errors.length).toBeGreaterThanOrEqual(9)
      await server.resume()
    })

    it('unstorage rejects, or finds nothing with onOutage "bypass"', async () => {
      const server = await start()
      await server.kill()
      const client = connect(server.url)
      const driver = createUnstorageDriver({ client, prefix: 'storage' })
      await expect(soon(Promise.resolve(driver.getItem('a')))).rejects.toThrow()
      await expect(soon(Promise.resolve(driver.setItem!('a', '1', {})))).rejects.toThrow()
      await expect(soon(Promise.resolve(driver.getKeys('', {})))).rejects.toThrow()
      const lenient = createUnstorageDriver({ client, prefix: 'storage', onOutage: 'bypass' })
      expect(await soon(Promise.resolve(lenient.getItem('a')))).toBeNull()
      expect(await soon(Promise.resolve(lenient.hasItem('a', {})))).toBe(false)
      await expect(soon(Promise.resolve(lenient.setItem!('a', '1', {})))).rejects.toThrow()
    })

    it('an Apollo cache finds nothing, and writes reject', async () => {
      const server = await start()
      await server.kill()
      const client = connect(server.url)
      const cache = createApolloCache({ client, prefix: 'apollo' })
      expect(await soon(cache.get('a'))).toBeUndefined()
      await expect(soon(cache.set('a', '1'))).rejects.toThrow()
      await expect(soon(Promise.resolve(cache.delete('a')))).rejects.toThrow()
      const strict = createApolloCache({ client, prefix: 'apollo', onOutage: 'reject' })
      await expect(soon(strict.get('a'))).rejects.toThrow()
    })
  }, 120_000)
}
