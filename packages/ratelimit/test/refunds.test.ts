import { describe, expect, it } from 'vitest'
import {
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Decision,
  type Limit,
  type RateLimiterOptions,
} from '../src/index.js'
import { onEveryServer } from './matrix.js'

const policies: Record<string, (name: string) => Limit> = {
  slidingWindow: (name) => slidingWindow({ name, limit: 4, window: '1h' }),
  slidingCounter: (name) => slidingCounter({ name, limit: 4, window: '1h' }),
  fixedWindow: (name) => fixedWindow({ name, limit: 4, window: '1h' }),
  tokenBucket: (name) => tokenBucket({ name, capacity: 4, refill: 4, interval: '1h' }),
  gcra: (name) => gcra({ name, limit: 4, window: '1h' }),
}
const daily = slidingWindow({ name: 'day', limit: 5, window: '1d' })
const allPolicies = Object.entries(policies).map(([name, make]) => make(name))
const limitSets: Record<string, readonly Limit[]> = {
  ...Object.fromEntries(Object.entries(policies).map(([name, make]) => [name, [make(name)]])),
  ...Object.fromEntries(
    Object.entries(policies).map(([name, make]) => [`${name} with another`, [make(name), daily]]),
  ),
  'all together': allPolicies,
}

onEveryServer(({ newClient }) => {
  const make = (limits: readonly Limit[], options: Partial<RateLimiterOptions> = {}) =>
    createRateLimiter({
      client: newClient(),
      prefix: 'refunds',
      limits,
      deadline: '10s',
      onOutage: 'deny',
      ...options,
    })
  const summary = ({ allowed, limits }: Decision) => ({
    allowed,
    remaining: limits.map(({ remaining }) => remaining),
  })

  describe.each(Object.keys(limitSets))('%s', (name) => {
    const limits = limitSets[name]!

    it.each(['in the order of the charges', 'in reverse order'])(
      'has its original state after all charges are refunded %s',
      async (order) => {
        const limiter = make(limits)
        const before = await limiter.peek('u')
        const decisions = [
          await limiter.consume('u', { cost: 2 }),
          await limiter.consumeUpTo('u', 2),
          await limiter.reserve('u', { maxWait: '2d' }),
          await limiter.reserve('u', { cost: 3, maxWait: '5d' }),
        ]
        expect(decisions.map(({ granted }) => granted)).toEqual([2, 2, 1, 3])
        expect(await limiter.consume('u')).toMatchObject({ allowed: false })
        for (const decision of order === 'in the order of the charges'
          ? decisions
          : decisions.reverse())
          expect(await limiter.refund(decision)).toBe(true)
        expect(summary(await limiter.peek('u'))).toEqual(summary(before))
        expect(await limiter.reserve('u', { cost: 4 })).toMatchObject({ allowed: true, wait: 0 })
      },
    )

    it('has its previous state after a reservation is refunded', async () => {
      const limiter = make(limits)
      await limiter.consume('u', { cost: 3 })
      const before = await limiter.peek('u')
      const reservation = await limiter.reserve('u', { cost: 4, maxWait: '2d' })
      expect(reservation.wait).toBeGreaterThan(0)
      expect(await limiter.peek('u')).toMatchObject({ allowed: false })
      expect([await limiter.refund(reservation), await limiter.refund(reservation)]).toEqual([
        true,
        false,
      ])
      expect(summary(await limiter.peek('u'))).toEqual(summary(before))
      expect(await limiter.consume('u')).toMatchObject({ allowed: true })
    })
  })

  it('refunded prefetched tokens can be spent at once, despite a cached denial', async () => {
    const limiter = make([slidingWindow({ name: 'a', limit: 5, window: '1m' })], {
      prefetch: { tokens: 5, ttl: '10s' },
    })
    const decisions = await Promise.all(Array.from({ length: 5 }, () => limiter.consume('u')))
    expect(await limiter.consume('u')).toMatchObject({ allowed: false })
    expect(await limiter.consume('u')).toMatchObject({ allowed: false, source: 'cache' })
    expect([await limiter.refund(decisions[0]!), await limiter.refund(decisions[0]!)]).toEqual([
      true,
      false,
    ])
    expect([(await limiter.consume('u')).allowed, (await limiter.consume('u')).allowed]).toEqual([
      true,
      false,
    ])
  })

  it('refunds no more prefetched tokens than were spent', async () => {
    const limiter = make([slidingWindow({ name: 'a', limit: 10, window: '1m' })], {
      prefetch: { tokens: 5, ttl: '10s' },
      denyCache: false,
    })
    const { receipt } = await limiter.consume('u')
    expect([
      await limiter.refund({ ...receipt!, charged: 2 }),
      await limiter.refund({ ...receipt!, token: 'another' }),
      await limiter.refund(receipt!),
    ]).toEqual([false, false, true])
  })
})
