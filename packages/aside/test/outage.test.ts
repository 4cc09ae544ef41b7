import {
  CacheUnavailableError,
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  createCacheClient,
  type CacheClient,
  type Driver,
} from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startProxy, startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createAside, type Aside } from '../src/index.js'

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
The length of every other deadline in the tests of readTimeout. A read that relies on another
 * deadline fails the test.
 */
const LONG = 30_000
const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

describe.each(Object.keys(drivers))(
  'on %s',
  (name) => {
    const ends: (() => unknown)[] = []
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end()
      expect(unhandled).toEqual([])
    })

    function connect(
      url: string,
      {
        readTimeout = READ_TIMEOUT,
        others,
        failures,
      }: { readTimeout?: number; others?: number; failures?: number } = {},
    ): { cache: Aside<number>; client: CacheClient } {
      const { driver, end } = drivers[name]!(url, others)
      const client = createCacheClient(driver, {
        resilience: {
          readTimeout,
          writeTimeout: others ?? 300,
          breaker: { failures: failures ?? 3, cooldown: 200 },
        },
      })
      ends.push(end, () => client.close())
      return { client, cache: createAside<number>({ client, prefix: 'v', ttl: '1h' }) }
    }

    async function start(options: Parameters<typeof startRedis>[0] = {}) {
      const server = await startRedis(options)
      ends.push(() => server.stop())
      return server
    }

    /**
     * Repeats a read until its value is stored. A busy machine may miss a deadline; the caller then
     * gets its value, and nothing is cached.
     */
    async function expectStored(cache: Aside<number>): Promise<void> {
      await vi.waitFor(
        async () => {
          await cache.getOrLoad('a', () => 1)
          expect(await cache.peek('a')).toBe(1)
        },
        { timeout: 10_000 },
      )
    }

    /**
     * Expects that reads answer from the source, that writes reject with one of these classes, and
     * that nothing of it is cached.
     */
    async function expectOutage(
      cache: Aside<number>,
      expected: readonly (new (...args: never[]) => Error)[],
    ): Promise<void> {
      for (let i = 0; i < 8; i++) {
        let loads = 0
        const started = performance.now()
        const answers = await Promise.all(
          Array.from({ length: 20 }, () =>
            cache.getOrLoad(`out ${i}`, () => {
              loads++
              return i
            }),
          ),
        )
        expect(new Set(answers)).toEqual(new Set([i]))
        expect(loads).toBe(1)
        // The deadline, and time for a machine that runs other tests.
        expect(performance.now() - started).toBeLessThan(READ_TIMEOUT + 2_000)
      }
      const oneOf = (error: unknown): boolean => expected.some((type) => error instanceof type)
      for (const write of [() => cache.set('w', 1), () => cache.invalidate('w')])
        expect(oneOf(await write().catch((error: unknown) => error))).toBe(true)
      const refused: unknown = await cache
        .mutate('w', () => {
          throw new Error('it must not run')
        })
        .catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(CacheUnavailableError)
      expect(oneOf((refused as Error).cause)).toBe(true)
    }

    async function expectRecovery(cache: Aside<number>): Promise<void> {
      await vi.waitFor(
        async () => {
          expect(await cache.set('back', 1)).toBe(true)
          expect(await cache.getOrLoad('back', () => 2)).toBe(1)
          expect(await cache.getOrLoad(`fresh ${Math.random()}`, () => 3)).toBe(3)
          expect(await cache.invalidate('back')).toBe(1)
        },
        { timeout: 20_000, interval: 20 },
      )
    }

    it('a server that was never there', async () => {
      const server = await start()
      await server.kill()
      const { cache } = connect(server.url)
      await expectOutage(cache, [ConnectionError])
      await server.restart()
      await expectRecovery(cache)
    })

    it('a server that is killed and restarted empty: scripts are sent again', async () => {
      const server = await start()
      const { cache } = connect(server.url)
      await expectStored(cache)
      const load = Array.from({ length: 500 }, (_, i) => cache.getOrLoad(i % 50, () => 7))
      await server.kill()
      expect(new Set(await Promise.all(load))).toEqual(new Set([7]))
      await expectOutage(cache, [ConnectionError])
      await server.restart()
      await expectRecovery(cache)
      expect(await cache.getOrLoad('a', () => 2)).toBe(2)
    })

    it('a server that is paused', async () => {
      const server = await start()
      const { cache } = connect(server.url)
      await expectStored(cache)
      await server.pause()
      try {
        await expectOutage(cache, [CommandTimeoutError, ConnectionError])
      } finally {
        await server.resume()
      }
      await expectRecovery(cache)
      // A busy machine may miss a deadline.
      await vi.waitFor(async () => expect(await cache.peek('a')).toBe(1), 10_000)
    })

    it('a paused server: readTimeout alone answers reads, with a closed breaker', async () => {
      const server = await start()
      const { cache } = connect(server.url, { others: LONG, failures: 1_000_000 })
      await expectStored(cache)
      await server.pause()
      try {
        for (let i = 0; i < 8; i++) {
          const started = performance.now()
          expect(await cache.getOrLoad(`out ${i}`, () => i)).toBe(i)
          expect(performance.now() - started).toBeLessThan(READ_TIMEOUT + 2_000)
        }
      } finally {
        await server.resume()
      }
      await expectRecovery(cache)
    })

    it('a connection that was cut, and one that swallows every byte', async () => {
      const server = await start()
      const proxy = await startProxy(server)
      ends.push(() => proxy.close())
      const { cache } = connect(proxy.url)
      await expectStored(cache)
      await proxy.cut()
      await expectOutage(cache, [ConnectionError])
      await proxy.pass()
      await expectRecovery(cache)
      proxy.swallow('both')
      await expectOutage(cache, [CommandTimeoutError, ConnectionError])
      await proxy.pass()
      proxy.drop()
      await expectRecovery(cache)
    })

    it('a full server: reads and invalidations work, and writes reject with OOM', async () => {
      const server = await start({
        config: { maxmemory: '100mb', 'maxmemory-policy': 'noeviction' },
      })
      const { cache } = connect(server.url, { readTimeout: 5_000, others: 5_000 })
      await expectStored(cache)
      await server.cli('CONFIG', 'SET', 'maxmemory', '1')
      expect(await cache.getOrLoad('a', () => 2)).toBe(1)
      expect(await cache.getOrLoad('b', () => 3)).toBe(3)
      const refused = await cache.set('b', 3).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(ServerError)
      expect(refused).toMatchObject({ code: 'OOM' })
      expect(await cache.invalidate('a')).toBe(1)
      expect(await cache.getOrLoad('a', () => 4)).toBe(4)
      await server.cli('CONFIG', 'SET', 'maxmemory', '0')
      await expectRecovery(cache)
    })

    it('a read-only replica: reads answer, writes reject with READONLY', async () => {
      const [primary, replica] = [await start(), await start()]
      await replica.cli('REPLICAOF', primary.host, String(primary.port))
      const { cache } = connect(replica.url, { readTimeout: 5_000, others: 5_000 })
      expect(await cache.getOrLoad('a', () => 1)).toBe(1)
      await expect(cache.set('a', 1)).rejects.toMatchObject({
        name: 'ServerError',
        code: 'READONLY',
      })
      await expect(cache.invalidate('a')).rejects.toMatchObject({ code: 'READONLY' })
      await replica.cli('REPLICAOF', 'NO', 'ONE')
      await expectRecovery(cache)
    })

    it('a server that goes away during mutate: the caller learns of its change', async () => {
      const server = await start()
      const { cache } = connect(server.url, { others: 1_000 })
      await vi.waitFor(() => cache.set('a', 1), { timeout: 10_000 })
      const error = await cache
        .mutate('a', async () => {
          await server.pause()
          return 'the new row'
        })
        .catch((caught: unknown) => caught)
      await server.resume()
      expect(error).toMatchObject({ name: 'CacheWriteError', stored: true, result: 'the new row' })
    })

    it('a server that refuses the password: a clear error, and no hang', async () => {
      const server = await start({ password: 'right' })
      const { client } = connect(`redis://:wrong@${server.host}:${server.port}`)
      const error = await client
        .send({ args: ['PING'], keys: [] })
        .catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(Error)
      expect(String(error)).not.toContain('wrong@')
      expect(['ConnectionError', 'ServerError']).toContain((error as Error).name)
    })
  },
  120_000,
)
