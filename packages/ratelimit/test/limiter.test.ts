import type { CacheClient } from '@cache/core'
import { describe, expect, it } from 'vitest'
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
import { onEveryServer } from './matrix.js'

const window = '1h'
const policies: Record<string, (limit: number) => Limit> = {
  slidingWindow: (limit) => slidingWindow({ name: 'a', limit, window }),
  slidingCounter: (limit) => slidingCounter({ name: 'a', limit, window }),
  fixedWindow: (limit) => fixedWindow({ name: 'a', limit, window }),
  tokenBucket: (limit) =>
    tokenBucket({ name: 'a', capacity: limit, refill: limit, interval: window }),
  gcra: (limit) => gcra({ name: 'a', limit, window }),
}

onEveryServer(
  ({ newClient, keys }) => {
    const make = (
      limits: readonly Limit[],
      options: Partial<RateLimiterOptions> = {},
      client: CacheClient = newClient(),
    ) =>
      createRateLimiter({
        client,
        prefix: 'api',
        limits,
        deadline: '10s',
        onOutage: 'deny',
        ...options,
      })

    it('gives each decision a signal of its own', async () => {
      const limiter = make([policies.fixedWindow!(3)])
      const [first, second] = await Promise.all([limiter.consume('u'), limiter.consume('u')])
      expect(first.signal.aborted).toBe(false)
      expect(first.signal).toBe(first.signal)
      expect(first.signal).not.toBe(second.signal)
    })

    describe.each(Object.keys(policies))('%s', (name) => {
      const policy = policies[name]!

      it('admits as much as the limit allows, and reports how much is left', async () => {
        const limiter = make([policy(3)])
        const decisions = await Promise.all(
          Array.from({ length: 5 }, () => limiter.consume('user:42')),
        )
        expect(decisions.map(({ allowed }) => allowed)).toEqual([true, true, true, false, false])
        expect(decisions.map(({ remaining }) => remaining)).toEqual([2, 1, 0, 0, 0])
        expect(decisions[0]).toMatchObject({
          granted: 1,
          retryAfter: 0,
          violated: [],
          degraded: false,
          source: 'redis',
        })
        expect(decisions[4]).toMatchObject({ granted: 0, violated: ['a'], receipt: undefined })
        expect(decisions[4]!.retryAfter).toBeGreaterThan(1_000_000)
        expect(await limiter.consume('user:43')).toMatchObject({ allowed: true })
      })

      it('refunds a charge once, whichever process asks and however often', async () => {
        const limiter = make([policy(2)])
        const other = make([policy(2)])
        const [first] = await Promise.all([limiter.consume('u', { cost: 2 })])
        expect(await limiter.consume('u')).toMatchObject({ allowed: false })
        const receipt = JSON.parse(JSON.stringify(first!.receipt)) as NonNullable<
          typeof first.receipt
        >
        const refunds = await Promise.all([
          limiter.refund(first!),
          other.refund(receipt),
          limiter.refund(receipt),
          other.refund(receipt),
        ])
        expect(refunds.filter(Boolean)).toHaveLength(1)
        expect(await limiter.consume('u', { cost: 2 })).toMatchObject({
          allowed: true,
          remaining: 0,
        })
        expect(await limiter.refund(first!)).toBe(false)
        expect(await limiter.consume('u')).toMatchObject({ allowed: false })
      })

      it('consumeUpTo charges as much as is available', async () => {
        const limiter = make([policy(10)])
        expect(await limiter.consumeUpTo('u', 7)).toMatchObject({ granted: 7, remaining: 3 })
        expect(await limiter.consumeUpTo('u', 7)).toMatchObject({
          granted: 3,
          remaining: 0,
          allowed: true,
        })
        expect(await limiter.consumeUpTo('u', 7)).toMatchObject({ granted: 0, allowed: false })
      })

      it('peek charges nothing, and reset deletes all charges', async () => {
        const limiter = make([policy(2)])
        for (let i = 0; i < 3; i++)
          expect(await limiter.peek('u', { cost: 2 })).toMatchObject({
            allowed: true,
            remaining: 2,
          })
        await limiter.consume('u', { cost: 2 })
        expect(await limiter.peek('u')).toMatchObject({ allowed: false, remaining: 0 })
        await limiter.reset('u')
        expect(await limiter.consume('u')).toMatchObject({ allowed: true, remaining: 1 })
      })

      it('refunds nothing that was charged before a reset', async () => {
        const limiter = make([policy(2)])
        const beforeReset = await limiter.consume('u', { cost: 2 })
        await limiter.reset('u')
        await limiter.consume('u', { cost: 2 })
        expect(await limiter.refund(beforeReset)).toBe(false)
        expect(await limiter.consume('u')).toMatchObject({ allowed: false })
      })

      it('reserve books one turn after the other', async () => {
        const limiter = make([policy(2)])
        const waits = (
          await Promise.all(
            Array.from({ length: 5 }, () => limiter.reserve('u', { maxWait: '5h' })),
          )
        ).map(({ wait }) => wait)
        expect(waits.slice(0, 2)).toEqual([0, 0])
        expect(waits[2]).toBeGreaterThan(0)
        expect([...waits].sort((a, b) => a - b)).toEqual(waits)
        const tooLate = await limiter.reserve('u', { maxWait: 1_000 })
        expect(tooLate).toMatchObject({ allowed: false, granted: 0 })
        expect(tooLate.wait).toBeGreaterThan(1_000)
      })
    })

    it('charges all limits or none', async () => {
      const limits = [...Object.keys(policies)].map((name, i) => ({
        ...policies[name]!(i === 2 ? 3 : 10),
        name,
      }))
      const limiter = make(limits)
      const decisions = await Promise.all(Array.from({ length: 8 }, () => limiter.consume('u')))
      expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(3)
      const peek = await limiter.peek('u')
      expect(peek.violated).toEqual(['fixedWindow'])
      expect(peek.limits.map(({ remaining }) => remaining)).toEqual([7, 7, 0, 7, 7])
      expect(await limiter.refund(decisions[0]!)).toBe(true)
      expect((await limiter.peek('u')).limits.map(({ remaining }) => remaining)).toEqual([
        8, 8, 1, 8, 8,
      ])
    })

    it('keeps the states of an id in one Cluster slot, under its prefix, escaped', async () => {
      const limiter = make(
        [...Object.keys(policies)].map((name) => ({ ...policies[name]!(10), name })),
      )
      await limiter.consume(['tenant', 'user:42}'])
      const keyStart = 'shop:api:tenant:{shop:api:tenant:user%3A42%7D}'
      expect(await keys()).toEqual([
        `${keyStart}:fixedWindow:fixed`,
        `${keyStart}:gcra:bucket`,
        `${keyStart}:slidingCounter:counter`,
        `${keyStart}:slidingWindow:log`,
        `${keyStart}:tokenBucket:bucket`,
      ])
    })

    it('holds concurrency slots until they are released', async () => {
      const limiter = make([concurrency({ name: 'running', limit: 2, ttl: '10s' })])
      const first = await limiter.consume('u')
      {
        await using second = await limiter.consume('u')
        expect(second.allowed).toBe(true)
        expect(await limiter.consume('u')).toMatchObject({ allowed: false, violated: ['running'] })
      }
      await using third = await limiter.consume('u')
      expect(third.allowed).toBe(true)
      await first.release()
    })
  },
  { sharded: true },
)
