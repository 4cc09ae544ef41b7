import { createCacheClient, type CacheError } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startProxy, startRedis, type RedisServer, type TcpProxy } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { beforeEach, describe, expect, it } from 'vitest'
import { createWriteThrough, type WriteThrough } from '../src/index.js'

const drivers = {
  ioredis(url: string) {
    const redis = new Redis(url, { retryStrategy: () => 20 })
    redis.on('error', () => undefined)
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url: string) {
    const redis = createClient({ url, socket: { reconnectStrategy: 20 } })
    redis.on('error', () => undefined)
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

describe.each(['ioredis', 'node-redis'] as const)(
  'rows written during an outage, over %s',
  (name) => {
    type Rows = WriteThrough<number, number | string, number, number>
    const signals: AbortSignal[] = []
    let storing = (): void => undefined
    beforeEach(() => {
      storing = () => undefined
    })

    async function inOutage(
      resilience: object,
      test: (
        mine: Rows,
        other: Rows,
        source: Map<number | string, number>,
        proxy: TcpProxy,
        server: RedisServer,
      ) => Promise<void>,
    ): Promise<void> {
      await using server = await startRedis()
      await using proxy = await startProxy(server)
      const source = new Map<number | string, number>()
      const made = [proxy.url, server.url].map((url) => drivers[name](url))
      const clients = made.map(({ driver }, i) =>
        createCacheClient(driver, {
          resilience:
            i === 0
              ? { readTimeout: '300ms', writeTimeout: '300ms', ...resilience }
              : { readTimeout: '20s', writeTimeout: '20s' },
        }),
      )
      const [mine, other] = clients.map((client): Rows =>
        createWriteThrough({
          client,
          prefix: 'p',
          ttl: '1h',
          onOutage: 'bypass',
          load: (id: number | string, { signal }) => {
            signals.push(signal)
            return source.get(id) ?? 0
          },
          store: (id: number | string, value: number) => {
            source.set(id, value)
            storing()
            return value
          },
        }),
      )
      await mine!.get(0)
      await test(mine!, other!, source, proxy, server)
      for (const one of [mine!, other!, ...clients]) await one.close()
      for (const { end } of made) end()
    }

    it('are read from the source at once, without waiting for Redis', () =>
      inOutage({}, async (mine, _other, _source, proxy) => {
        proxy.swallow('both')
        await mine.update(1, 7)
        const started = performance.now()
        for (let i = 0; i < 20; i++) expect(await mine.get(1)).toBe(7)
        expect(performance.now() - started).toBeLessThan(300)
      }))

    it('are accepted until their keys take 32 MiB; then Redis is needed', () =>
      inOutage({ breaker: { failures: 1, cooldown: '1s' } }, async (mine, other, source, proxy) => {
        const long = 'x'.repeat(8_000)
        await other.get(`1-${long}`)
        await proxy.cut()
        let written = 0
        const write = async (): Promise<void> => {
          await mine.update(`${++written}-${long}`, written)
        }
        await expect(
          (async () => {
            while (written < 6_000) await write()
          })(),
        ).rejects.toMatchObject({ name: 'CacheUnavailableError' })
        expect(written).toBeGreaterThan(4_000)
        expect(source.has(`${written}-${long}`)).toBe(false)
        expect(await mine.get(`1-${long}`)).toBe(1)
        await proxy.pass()
        await expect.poll(() => other.get(`1-${long}`), { timeout: 20_000 }).toBe(1)
        await expect
          .poll(() => mine.update('again', 5).catch(() => undefined), { timeout: 20_000 })
          .toBe(5)
      }))

    it('are dropped when Redis is back, even if they are written again in the meantime', () =>
      inOutage({}, async (mine, other, source, proxy) => {
        for (let i = 0; i < 3; i++) {
          await other.get(1)
          await proxy.cut()
          await mine.update(1, 10 + i)
          await proxy.pass()
          proxy.delay(30)
          await mine.update(1, 20 + i)
          proxy.delay(0)
          await expect.poll(() => other.get(1), { timeout: 10_000 }).toBe(20 + i)
          expect(source.get(1)).toBe(20 + i)
        }
      }))

    it('are dropped even if the store threw after it had written them', () =>
      inOutage({ breaker: { failures: 1, cooldown: '2s' } }, async (mine, other, source, proxy) => {
        storing = () => {
          throw new Error('the connection was lost after the commit')
        }
        for (const write of [() => mine.update(1, 7), () => mine.updateMany([[1, 7]])]) {
          source.set(1, 6)
          await other.invalidate(1)
          expect(await other.get(1)).toBe(6)
          proxy.swallow('both')
          // The write must not be sent. An intent that got no answer is taken back later, which
          // drops the entry too.
          await expect
            .poll(
              () =>
                mine.invalidate(2).then(
                  () => 'answered',
                  ({ code }: CacheError) => code,
                ),
              { timeout: 10_000 },
            )
            .toBe('CIRCUIT_OPEN')
          const refused = await write().then(
            () => undefined,
            (error: Error) => error,
          )
          expect(
            [refused?.message, (refused?.cause as Error | undefined)?.message].join(),
          ).toContain('after the commit')
          await proxy.pass()
          await expect.poll(() => other.get(1), { timeout: 10_000 }).toBe(7)
        }
      }))

    it('are read with the signal of the caller', () =>
      inOutage({}, async (mine, _other, _source, proxy) => {
        await proxy.cut()
        await mine.update(1, 7)
        const leaver = new AbortController()
        await Promise.all([
          mine.get(1, { signal: leaver.signal }),
          mine.getMany([1], { signal: leaver.signal }),
        ])
        expect(signals.slice(-2)).toEqual([leaver.signal, leaver.signal])
      }))

    it('are dropped in any number', () =>
      inOutage({ maxInFlight: 200 }, async (mine, other, _source, proxy) => {
        const ids = Array.from({ length: 600 }, (_, i) => i)
        await other.getMany(ids)
        await proxy.cut()
        for (let i = 0; i < ids.length; i += 100)
          await mine.updateMany(ids.slice(i, i + 100).map((id) => [id, 9] as const))
        await proxy.pass()
        await expect
          .poll(async () => (await other.getMany(ids)).filter((value) => value !== 9).length, {
            timeout: 20_000,
          })
          .toBe(0)
      }))
  },
)
