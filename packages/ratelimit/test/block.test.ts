import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidKeyError, InvalidOptionError, type CacheClient } from '@cache/core'
import { describe, expect, it, vi } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  gcra,
  refusal,
  slidingWindow,
  type Limit,
  type RateLimiterOptions,
} from '../src/index.js'
import { ManualClock, withClock } from './manual-clock.js'
import { onEveryServer } from './matrix.js'

const limits = [
  slidingWindow({ limit: 100, window: '1h' }),
  gcra({ limit: 1_000, window: '1d', burst: 50 }),
]

onEveryServer(
  ({ newClient }) => {
    const make = (options: Partial<RateLimiterOptions> = {}) =>
      createRateLimiter({
        client: newClient(),
        prefix: 'block',
        limits,
        deadline: '10s',
        onOutage: 'deny',
        ...options,
      })

    it('denies a blocked id at once in all processes, and nobody else', async () => {
      const [limiter, other] = [make(), make()]
      await other.consume('mallory')
      await limiter.block('mallory', '1h')
      for (const each of [limiter, other])
        for (const decision of [
          await each.consume('mallory'),
          await each.consume('mallory', { cost: 0 }),
          await each.consumeUpTo('mallory', 5),
          await each.reserve('mallory', { maxWait: '5h' }),
          await each.peek('mallory'),
        ]) {
          expect(decision).toMatchObject({
            allowed: false,
            granted: 0,
            remaining: 0,
            violated: [],
            satisfiable: true,
            degraded: false,
          })
          expect(decision.blockedFor).toBeGreaterThan(3_000_000)
          expect(decision.blockedFor).toBeLessThanOrEqual(3_600_000)
          expect(decision.retryAfter).toBe(decision.blockedFor)
          expect(decision.limits.every(({ retryAfter }) => retryAfter > 3_000_000)).toBe(true)
        }
      expect(await other.consume('alice')).toMatchObject({ allowed: true, blockedFor: 0 })
    })

    it('tells blocked ids from others among the requests of one tick', async () => {
      const limiter = make()
      const ids = Array.from({ length: 60 }, (_, i) => `tick${i}`)
      const blocked = ids.filter((_, i) => i % 7 === 3)
      await Promise.all(blocked.map((id) => limiter.block(id, '1h')))
      const decisions = await Promise.all(ids.map((id) => limiter.consume(id)))
      expect(ids.filter((_, i) => !decisions[i]!.allowed)).toEqual(blocked)
    })

    it('charges nothing while blocked, and unblocks with what was consumed before', async () => {
      const limiter = make()
      await limiter.consume('u', { cost: 10 })
      await limiter.block('u', '1h')
      for (let i = 0; i < 5; i++) await limiter.consume('u')
      await limiter.unblock('u')
      await limiter.unblock('u')
      expect(await limiter.consume('u')).toMatchObject({ allowed: true, blockedFor: 0 })
      expect((await limiter.peek('u')).limits[0]).toMatchObject({ remaining: 89 })
    })

    it('stays blocked after reset, refund and consume, until the latest time', async () => {
      const limiter = make()
      const before = await limiter.consume('u')
      await limiter.block('u', '1h')
      await limiter.reset('u')
      await limiter.refund(before)
      expect(await limiter.consume('u')).toMatchObject({ allowed: false })
      await limiter.block('u', 400)
      expect((await limiter.peek('u')).blockedFor).toBeLessThanOrEqual(400)
      await vi.waitFor(async () => expect((await limiter.consume('u')).allowed).toBe(true), {
        timeout: 10_000,
      })
    })

    it('spends no prefetched tokens for a blocked id, nor those of a fetch under way', async () => {
      const client = newClient()
      const slow: CacheClient = {
        ...client,
        run: async (script, keys, args, options) => {
          const reply = await client.run(script, keys, args, options)
          if (script.name === 'ratelimit decide') await sleep(200)
          return reply
        },
      }
      const limiter = make({ client: slow, prefetch: { tokens: 10, ttl: '10s' } })
      await limiter.consume('u')
      expect(await limiter.consume('u')).toMatchObject({ allowed: true, source: 'prefetch' })
      await limiter.block('u', '1h')
      expect(await limiter.consume('u')).toMatchObject({ allowed: false })

      const fetching = limiter.consume('v')
      await vi.waitFor(async () => expect((await limiter.peek('v')).remaining).toBeLessThan(50), {
        timeout: 10_000,
      })
      await limiter.block('v', '1h')
      expect(await fetching).toMatchObject({ allowed: true }) // It was decided before the block.
      expect(await limiter.consume('v')).toMatchObject({ allowed: false })
    })

    it('leaves slots with their holders, and grants no new one', async () => {
      const limiter = make({ limits: [concurrency({ limit: 2, ttl: '30s' })] })
      await using held = await limiter.consume('u')
      await limiter.block('u', '1h')
      expect(await limiter.consume('u')).toMatchObject({ allowed: false })
      expect(held.signal.aborted).toBe(false)
      await limiter.unblock('u')
      await using next = await limiter.consume('u')
      expect(next.allowed).toBe(true)
    })

    it('stays blocked while Redis is down, as far as the process has heard of it', async () => {
      const client = newClient()
      let isDown = false
      const failing: CacheClient = {
        ...client,
        run: (script, keys, args, options) =>
          isDown
            ? client.run({ ...script, source: 'return nonsense', sha: '0'.repeat(40) }, keys, args)
            : client.run(script, keys, args, options),
      }
      const limiter = make({ client: failing, onOutage: 'allow', denyCache: false })
      await make().block('seen', '1h')
      await limiter.consume('seen')
      await limiter.block('own', '1h')
      await limiter.block('freed', '1h')
      await limiter.unblock('freed')
      isDown = true
      for (const id of ['seen', 'own']) {
        const decision = await limiter.consume(id)
        expect(decision).toMatchObject({ allowed: false, degraded: true })
        expect(decision.blockedFor).toBeGreaterThan(3_000_000)
        expect(refusal(decision)).toMatchObject({ status: 429 })
      }
      expect(await limiter.consume('freed')).toMatchObject({ allowed: true, degraded: true })
      await expect(limiter.block('u', '1h')).rejects.toThrow()
      await expect(limiter.unblock('own')).rejects.toThrow()
    })

    it('allows a blocked id in shadow mode, and reports the block', async () => {
      const limiter = make({ shadow: true })
      await limiter.block('u', '1h')
      const decision = await limiter.consume('u')
      expect(decision).toMatchObject({ allowed: true, granted: 0 })
      expect(decision.blockedFor).toBeGreaterThan(0)
    })

    it('rejects an invalid id or duration', async () => {
      const limiter = make()
      await expect(limiter.block('', '1h')).rejects.toThrow(InvalidKeyError)
      await expect(limiter.unblock('')).rejects.toThrow(InvalidKeyError)
      for (const duration of [0, -1, NaN, 'soon', undefined, null, '5000d'])
        await expect(limiter.block('u', duration as never)).rejects.toThrow(new RegExp(`"for"`))
      await expect(limiter.block('u', 0)).rejects.toThrow(InvalidOptionError)
      expect(await limiter.consume('u')).toMatchObject({ allowed: true })
    })

    describe('when the clock of the server is set', () => {
      const start = async (limit: Limit = limits[0]!) => {
        const clock = new ManualClock()
        const limiter = make({
          client: withClock(clock, newClient()),
          limits: [limit],
          denyCache: false,
        })
        await limiter.block('u', '10m')
        return { clock, blockedFor: async () => (await limiter.consume('u')).blockedFor }
      }

      it('ends to the microsecond', async () => {
        const { clock, blockedFor } = await start()
        clock.micros += 600_000_000 - 1
        expect(await blockedFor()).toBe(1)
        clock.micros += 1
        expect(await blockedFor()).toBe(0)
      })

      it('lasts at most its own duration longer when the clock was set back', async () => {
        const { clock, blockedFor } = await start()
        clock.micros -= 3_600_000_000
        expect(await blockedFor()).toBe(600_000)
        clock.micros += 300_000_000
        expect(await blockedFor()).toBe(300_000)
        clock.micros += 300_000_000
        expect(await blockedFor()).toBe(0)
      })
    })
  },
  { sharded: true },
)
