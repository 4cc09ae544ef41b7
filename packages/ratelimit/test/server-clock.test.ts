import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { canSetClock, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
  type RateLimiterOptions,
} from '../src/index.js'
import { keysWithoutTtl } from './matrix.js'

const HOUR = 3_600_000
const policies: Record<string, (window: number) => Limit> = {
  slidingWindow: (window) => slidingWindow({ name: 'a', limit: 3, window }),
  slidingCounter: (window) => slidingCounter({ name: 'a', limit: 3, window }),
  fixedWindow: (window) => fixedWindow({ name: 'a', limit: 3, window }),
  tokenBucket: (window) => tokenBucket({ name: 'a', capacity: 3, refill: 3, interval: window }),
  gcra: (window) => gcra({ name: 'a', limit: 3, window }),
}

describe.skipIf(!canSetClock())('a server clock', () => {
  describe.each(['ioredis', 'node-redis'])('on %s', (name) => {
    let server: RedisServer
    let client: CacheClient
    let disconnect: () => unknown
    let prefixes = 0
    beforeAll(async () => {
      server = await startRedis({ clock: true })
      if (name === 'ioredis') {
        const redis = new Redis(server.url)
        client = createCacheClient(ioredisDriver(redis))
        disconnect = () => redis.disconnect()
      } else {
        const redis = createClient({ url: server.url })
        client = createCacheClient(nodeRedisDriver(redis))
        disconnect = () => redis.destroy()
      }
    })
    afterEach(async () => {
      await server.setClock(0)
      expect(await keysWithoutTtl(client)).toEqual([])
    })
    afterAll(async () => {
      await client.close()
      disconnect()
      await server.stop()
    })
    const make = (limit: Limit, options: Partial<RateLimiterOptions> = {}) =>
      createRateLimiter({
        client,
        prefix: `clock${++prefixes}`,
        limits: [limit],
        deadline: '10s',
        onOutage: 'deny',
        denyCache: false,
        ...options,
      })

    it('set back keeps the turns of a sliding window whose requests were refunded', async () => {
      const limiter = make(slidingWindow({ name: 'a', limit: 1, window: 60_000 }))
      const before = [await limiter.consume('u'), await limiter.reserve('u')]
      for (const decision of before) expect(await limiter.refund(decision)).toBe(true)
      await server.setClock(-HOUR)
      expect((await limiter.consume('u')).allowed).toBe(true)
      const first = await limiter.reserve('u', { maxWait: '1h' })
      const second = await limiter.reserve('u', { maxWait: '1h' })
      expect(first.wait).toBeGreaterThan(30_000)
      expect(second.wait).toBeGreaterThan(first.wait + 50_000)
    })

    describe.each(Object.keys(policies))('%s', (policy) => {
      it('set back by an hour neither gives nor takes capacity', async () => {
        const limiter = make(policies[policy]!(60_000))
        const decision = await limiter.consume('u', { cost: 2 })
        await server.setClock(-HOUR)
        expect((await limiter.peek('u')).remaining).toBe(1)
        expect(await limiter.consume('u')).toMatchObject({ allowed: true, remaining: 0 })
        const denied = await limiter.consume('u')
        expect(denied.allowed).toBe(false)
        expect(denied.retryAfter).toBeLessThan(120_001)
        expect(denied.limits[0]!.resetAfter).toBeLessThan(180_001)
        expect(await limiter.refund(decision)).toBe(true)
        expect((await limiter.peek('u')).remaining).toBe(2)
      })

      it('set back by an hour admits requests again after the window', async () => {
        const limiter = make(policies[policy]!(300), { denyCache: { maxAge: '1s' } })
        await limiter.consume('u', { cost: 3 })
        expect(await limiter.consume('u')).toMatchObject({ allowed: false })
        await server.setClock(-HOUR)
        const startedAt = performance.now()
        await vi.waitFor(
          async () => expect(await limiter.consume('u')).toMatchObject({ allowed: true }),
          { timeout: 10_000, interval: 20 },
        )
        expect(performance.now() - startedAt).toBeLessThan(5_000)
      })

      it('set back by an hour moves reservations along', async () => {
        const limiter = make(policies[policy]!(60_000))
        await limiter.consume('u', { cost: 3 })
        const reserved = await limiter.reserve('u', { maxWait: '1h' })
        expect(reserved.wait).toBeGreaterThan(1_000)
        await server.setClock(-HOUR)
        const next = await limiter.reserve('u', { cost: 3, maxWait: '1h' })
        expect(next.wait).toBeGreaterThanOrEqual(reserved.wait - 5_000)
        expect(next.wait).toBeLessThan(300_000)
        expect([await limiter.refund(next), await limiter.refund(reserved)]).toEqual([true, true])
        expect(await limiter.consume('u')).toMatchObject({ allowed: false })
      })

      it('set forward by an hour counts as an hour that has passed', async () => {
        const limiter = make(policies[policy]!(60_000))
        await limiter.consume('u', { cost: 3 })
        await server.setClock(HOUR)
        const decisions = await Promise.all(Array.from({ length: 5 }, () => limiter.consume('u')))
        expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(3)
        await server.setClock(0)
        expect(await limiter.consume('u')).toMatchObject({ allowed: false })
        expect((await limiter.consume('u')).retryAfter).toBeLessThan(120_001)
      })

      it('set back by an hour does not affect prefetched tokens', async () => {
        const limiter = make(policies[policy]!(60_000), { prefetch: { tokens: 3, ttl: '5s' } })
        expect(await limiter.consume('u')).toMatchObject({ allowed: true })
        await server.setClock(-HOUR)
        const decisions = await Promise.all(Array.from({ length: 5 }, () => limiter.consume('u')))
        expect(decisions.filter(({ allowed }) => allowed).length).toBeLessThanOrEqual(2)
      })
    })

    it.each([...Object.keys(policies), 'slots'])(
      'set back on a full server denies as before: %s',
      async (policy) => {
        const limiter = make(
          policy === 'slots'
            ? concurrency({ name: 'a', limit: 3, ttl: '1m' })
            : policies[policy]!(60_000),
          { onOutage: 'allow' },
        )
        const held =
          policy === 'slots'
            ? await Promise.all([1, 2, 3].map(() => limiter.consume('u')))
            : [await limiter.consume('u', { cost: 3 })]
        await server.setClock(-HOUR)
        await server.fill()
        const denied = await limiter.consume('u')
        await server.empty()
        expect(denied).toMatchObject({ allowed: false, degraded: false })
        for (const decision of held) await decision.release()
      },
    )

    it.each([-HOUR, HOUR])('set by %d ms: slots are still renewed and expire', async (offset) => {
      const limit = concurrency({ name: 'a', limit: 2, ttl: 900 })
      const limiter = make(limit)
      const withoutRenewal = createRateLimiter({
        client: {
          ...client,
          run: (script, ...rest) =>
            script.name === 'ratelimit renew'
              ? new Promise(() => undefined)
              : client.run(script, ...rest),
        },
        prefix: limiter.prefix,
        limits: [limit],
        deadline: '10s',
      })
      const held = await limiter.consume('u')
      expect(await withoutRenewal.consume('u')).toMatchObject({ allowed: true })
      expect(await limiter.consume('u')).toMatchObject({ allowed: false })
      await server.setClock(offset)
      const startedAt = performance.now()
      let next = await limiter.consume('u')
      if (offset < 0) expect(next.allowed).toBe(false)
      while (!next.allowed) {
        expect(performance.now() - startedAt).toBeLessThan(5_000)
        next = await limiter.consume('u')
      }
      if (offset < 0) expect(held.signal.aborted).toBe(false)
      else await vi.waitFor(() => expect(held.signal.aborted).toBe(true), { timeout: 5_000 })
      await Promise.all([held.release(), next.release()])
    })
  })
})
