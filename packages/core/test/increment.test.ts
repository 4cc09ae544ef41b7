import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, startProxy, startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { describe, expect, it } from 'vitest'
import { ioredisDriver } from '../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../src/drivers/node-redis/driver.js'
import {
  InvalidKeyError,
  InvalidOptionError,
  ServerError,
  createCacheClient,
  type Driver,
} from '../src/index.js'
import { createFormat, createToken, type NearEntries } from '../src/internal.js'
import { onEach } from './cases.js'

const format = createFormat<unknown>()
const MAX = Number.MAX_SAFE_INTEGER

onEach((bench) => {
  describe('increment of an entry', () => {
    it('adds for many clients at once: no amount is lost, no sum is returned twice', async () => {
      const clients = [bench().newClient(), bench().newClient()]
      const sums = await Promise.all(
        Array.from({ length: 500 }, (_, i) =>
          clients[i % 2]!.entries.increment('views', i % 5 === 0 ? 3 : 1),
        ),
      )
      expect(new Set(sums).size).toBe(500)
      expect(Math.max(...sums)).toBe(700)
      expect(await clients[0]!.entries.read('views', format)).toMatchObject({ value: 700 })
      expect(await clients[0]!.entries.increment('views', -1_000)).toBe(-300)
    })

    it('sets the ttl once, and keeps an existing ttl', async () => {
      const client = bench().newClient()
      const life = async (key: string) => (await client.entries.readWithLife(key, format))!.life!
      await client.entries.increment('a', 1, 60_000)
      await client.entries.increment('a', 1, 90_000)
      expect(await life('a')).toBeGreaterThan(50_000)
      expect(await life('a')).toBeLessThanOrEqual(60_000)
      await client.entries.increment('b', 1)
      expect(await life('b')).toBe(Infinity)
      await client.entries.increment('b', 1, 60_000)
      expect(await life('b')).toBeLessThanOrEqual(60_000)
      await client.entries.increment('c', 1, 30)
      // The entry has expired, so it starts at 0 again.
      await expect.poll(() => client.entries.increment('c', 1, 60_000), { timeout: 5_000 }).toBe(1)
    })

    it('adds to -0, and keeps its ttl', async () => {
      const client = bench().newClient()
      await client.entries.put('zero', format, -0, { ttl: 60_000 })
      expect((await client.entries.read('zero', format))!.value).toBe(-0)
      expect(await client.entries.increment('zero', 5)).toBe(5)
      const entry = await client.entries.readWithLife('zero', format)
      expect(entry).toMatchObject({ value: 5 })
      expect(entry!.life).toBeLessThanOrEqual(60_000)
    })

    it('changes nothing if the sum is not exact, or the entry is not a whole number', async () => {
      const client = bench().newClient()
      const set = (key: string, value: string) =>
        client.send({ args: ['SET', key, value], keys: [key] })
      await set('most', String(MAX))
      await set('least', String(-MAX))
      await set('huge', '9223372036854775807')
      await set('text', '"x"')
      await client.entries.put('framed', format, 1, { ttl: 60_000, meta: { version: 1 } })
      await client.send({ args: ['RPUSH', 'list', 'x'], keys: ['list'] })
      const results = await Promise.allSettled(
        [
          ['most', 1],
          ['least', -1],
          ['huge', 1],
          ['text', 1],
          ['framed', 1],
          ['list', 1],
          ['fine', 1],
        ].map(([key, amount]) => client.entries.increment(key as string, amount as number, 60_000)),
      )
      expect(
        results.map((result) =>
          result.status === 'fulfilled' ? result.value : result.reason instanceof ServerError,
        ),
      ).toEqual([true, true, true, true, true, true, 1])
      for (const [key, value] of [
        ['most', String(MAX)],
        ['least', String(-MAX)],
        ['huge', '9223372036854775807'],
        ['text', '"x"'],
      ] as const) {
        expect(await client.send({ args: ['GET', key], keys: [key] })).toBe(value)
        expect(await client.send({ args: ['PTTL', key], keys: [key] })).toBe(-1)
      }
      expect(await client.entries.read('framed', format)).toMatchObject({ value: 1, version: 1 })
      expect(await client.entries.increment('most', -1)).toBe(MAX - 1)
      await expect(client.entries.increment('}', 1)).rejects.toBeInstanceOf(InvalidKeyError)
    })

    it('refuses amounts and ttls that are not whole numbers, and sends nothing', async () => {
      const client = bench().newClient()
      for (const amount of [0.5, NaN, 2 ** 53, '1', undefined, null])
        await expect(client.entries.increment('k', amount as number)).rejects.toBeInstanceOf(
          InvalidOptionError,
        )
      for (const ttl of [0.5, NaN, -1, '1s', null])
        await expect(client.entries.increment('k', 1, ttl as number)).rejects.toBeInstanceOf(
          InvalidOptionError,
        )
      expect(await client.entries.read('k', format)).toBe(undefined)
    })

    it('keeps a load and a write that began earlier from storing', async () => {
      const { entries } = bench().newClient()
      const token = createToken()
      expect(await entries.lease('k', format, { token, ttl: 10_000 })).toMatchObject({
        status: 'leased',
      })
      expect(await entries.increment('k', 5)).toBe(5)
      expect(await entries.fill('k', format, token, 1, { ttl: 60_000 })).toBe(false)
      expect(await entries.read('k', format)).toMatchObject({ value: 5 })
      await entries.beginWrite(['k'], token, 10_000)
      await entries.increment('k', 1)
      expect(await entries.commitWrite('k', token, { format, value: 2, ttl: 60_000 })).toBe(
        'deleted',
      )
    })

    it('is announced in the same step', async () => {
      const client = bench().newClient()
      const calls: string[] = []
      const near: NearEntries = {
        get: () => undefined,
        ask: () => ({ answered: () => undefined }),
        change: (keys) => ({
          announcement: { channel: 'changes', from: 'me', nth: 1 },
          acknowledged: (value) => calls.push(`${keys.join()} ${String(value)}`),
          failed: () => calls.push(`${keys.join()} failed`),
        }),
      }
      const received: unknown[] = []
      const subscription = await client.driver.subscribe(['changes'], {
        message: (_, payload) => received.push(JSON.parse(payload)),
        gap: () => undefined,
        live: () => undefined,
      })
      await client.entries.withNear(near).increment('k', 1)
      await expect
        .poll(() => received, { timeout: 5_000 })
        .toEqual([{ v: 1, from: 'me', nth: 1, keys: ['k'] }])
      expect(calls).toEqual(['k undefined'])
      await subscription.close()
    })
  })
})

const connections: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  'ioredis without resending'(url) {
    const redis = new Redis(url, { autoResendUnfulfilledCommands: false, retryStrategy: () => 10 })
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url, socket: { reconnectStrategy: 10 } })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

describe.each(Object.keys(connections))(
  'on %s, with a connection that drops repeatedly',
  (name) => {
    it('increment adds acknowledged amounts, and adds nothing twice', async () => {
      await using server = await startRedis()
      await using proxy = await startProxy(server)
      const { driver, end } = connections[name]!(proxy.url)
      const client = createCacheClient(driver, {
        resilience: {
          readTimeout: '5s',
          writeTimeout: '5s',
          breaker: { failures: 1_000, cooldown: 20 },
        },
      })
      let [stop, attempted, acknowledged] = [false, 0, 0]
      const load = Array.from({ length: 10 }, async () => {
        while (!stop) {
          attempted++
          await client.entries.increment('views', 1).then(
            () => acknowledged++,
            () => sleep(5),
          )
        }
      })
      for (let i = 0; i < 15; i++) {
        const before = acknowledged
        await sleep(30)
        await eventually(() => acknowledged >= before + 10)
        proxy.drop()
      }
      stop = true
      await Promise.all(load)
      const sum = Number(await server.cli('GET', 'views'))
      expect(acknowledged).toBeGreaterThan(100)
      expect(sum).toBeGreaterThanOrEqual(acknowledged)
      expect(sum).toBeLessThanOrEqual(attempted)
      await client.close()
      end()
    })
  },
)
