import { InvalidOptionError, type CacheClient } from '@cache/core'
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
const windows: Record<string, (limit: number) => Limit> = {
  slidingWindow: (limit) => slidingWindow({ limit, window }),
  slidingCounter: (limit) => slidingCounter({ limit, window }),
  fixedWindow: (limit) => fixedWindow({ limit, window }),
}
const buckets: Record<string, (limit: number) => Limit> = {
  tokenBucket: (limit) => tokenBucket({ capacity: limit, refill: limit, interval: window }),
  gcra: (limit) => gcra({ limit, window }),
}

onEveryServer(({ newClient }) => {
  const make = (limits: readonly Limit[], options: Partial<RateLimiterOptions> = {}) =>
    createRateLimiter({
      client: newClient(),
      prefix: 'plans',
      limits,
      deadline: '10s',
      onOutage: 'deny',
      ...options,
    })

  describe.each(Object.keys({ ...windows, ...buckets }))('%s', (name) => {
    const policy = { ...windows, ...buckets }[name]!
    const [free, pro] = [[policy(4)], [policy(40)]]

    it('admits no more than the limits of each request', async () => {
      const limiter = make(free)
      const granted = await Promise.all(
        Array.from({ length: 60 }, () => limiter.consume('customer', { limits: pro })),
      )
      expect(granted.filter(({ allowed }) => allowed)).toHaveLength(40)
      expect(granted[0]!.limits[0]).toMatchObject({ limit: 40, remaining: 39 })
      expect(await limiter.consume('other', { limits: pro, cost: 41 })).toMatchObject({
        allowed: false,
        satisfiable: false,
      })
      expect(await limiter.consume('other', { cost: 5 })).toMatchObject({ satisfiable: false })
      expect(await limiter.consumeUpTo('other', 50, { limits: pro })).toMatchObject({ granted: 40 })
    })

    it('refunds under the limits of the charge, in another process too', async () => {
      const [limiter, other] = [make(free), make(free)]
      const charged = await limiter.consume('u', { limits: pro, cost: 40 })
      expect(await other.consume('u', { limits: pro })).toMatchObject({ allowed: false })
      expect(await other.refund(JSON.parse(JSON.stringify(charged.receipt)))).toBe(true)
      expect(await other.consume('u', { limits: pro, cost: 40 })).toMatchObject({ allowed: true })
      expect(await other.consume('u')).toMatchObject({ allowed: false })
    })

    it('does not deny a request for the cached denial of one with other limits', async () => {
      const limiter = make(free)
      await limiter.consume('u', { cost: 2 })
      for (let i = 0; i < 2; i++)
        expect(await limiter.consume('u', { cost: 3 })).toMatchObject({
          allowed: false,
          source: i === 0 ? 'redis' : 'cache',
        })
      expect(await limiter.consume('u', { cost: 3, limits: pro })).toMatchObject({ allowed: true })
    })

    it('spends prefetched tokens only for requests with the same limits', async () => {
      const limiter = make(free, { prefetch: { tokens: 10, ttl: '10s' } })
      const first = await limiter.consume('u', { limits: pro })
      expect(first.allowed).toBe(true)
      expect(await limiter.consume('u', { limits: pro })).toMatchObject({ source: 'prefetch' })
      expect(await limiter.consume('u', { cost: 4 })).toMatchObject({
        allowed: false,
        source: 'redis',
      })
      expect(await limiter.refund(first)).toBe(true)
    })

    it('gives signed receipts whose limits nobody can change', async () => {
      const limiter = make(free, { receiptSecrets: ['x'.repeat(32)] })
      const { receipt } = await limiter.consume('u', { limits: pro, cost: 9 })
      for (const change of [{ rates: [1, 1] }, { rates: undefined }, { charged: 10 }])
        await expect(limiter.refund({ ...receipt!, ...change } as never)).rejects.toThrow(
          InvalidOptionError,
        )
      expect(await limiter.refund(receipt!)).toBe(true)
    })
  })

  it.each(Object.keys(windows))('%s: what was counted stays, and compares anew', async (name) => {
    const policy = windows[name]!
    const limiter = make([policy(4)])
    const pro = [policy(40)]
    await limiter.consume('u', { cost: 4 })
    expect(await limiter.consume('u')).toMatchObject({ allowed: false })
    // The upgrade takes effect at once, and the 4 still count.
    expect(await limiter.consume('u', { limits: pro })).toMatchObject({
      allowed: true,
      remaining: 35,
    })
    // After the downgrade, 5 are too many, until they no longer count.
    const denied = await limiter.consume('u')
    expect(denied).toMatchObject({ allowed: false, remaining: 0 })
    expect(denied.retryAfter).toBeGreaterThan(1_000_000)
  })

  it.each(Object.keys(buckets))('%s: stays as far from full as it was, in time', async (name) => {
    const policy = buckets[name]!
    const limiter = make([policy(4)])
    const pro = [policy(40)]
    await limiter.consume('half', { cost: 2 })
    expect(await limiter.peek('half', { limits: pro })).toMatchObject({ remaining: 20 })
    await limiter.consume('half', { limits: pro, cost: 10 })
    expect(await limiter.peek('half')).toMatchObject({ remaining: 1 })
    await limiter.consume('empty', { cost: 4 })
    const denied = await limiter.consume('empty', { limits: pro })
    // One token comes back in a fortieth of the hour.
    expect(denied.retryAfter).toBeGreaterThan(0)
    expect(denied.retryAfter).toBeLessThanOrEqual(90_000)
    expect((await limiter.consume('empty')).retryAfter).toBeGreaterThan(90_000)
  })

  it('concurrency: slots that are held count against the limit of each request', async () => {
    const limiter = make([concurrency({ limit: 1, ttl: '30s' })])
    const pro = [concurrency({ limit: 3, ttl: '30s' })]
    const held = [await limiter.consume('u'), await limiter.consume('u', { limits: pro })]
    expect(held.map(({ allowed }) => allowed)).toEqual([true, true])
    await held[0]!.release()
    expect(await limiter.consume('u')).toMatchObject({ allowed: false, violated: ['concurrency'] })
    await held[1]!.release()
    await using last = await limiter.consume('u')
    expect(last.allowed).toBe(true)
  })

  it('rejects limits that cannot take the place of its own, and charges nothing', async () => {
    const limiter = make([slidingWindow({ name: 'a', limit: 4, window })])
    for (const limits of [
      [],
      'pro',
      4,
      [undefined],
      [slidingWindow({ name: 'b', limit: 4, window })],
      [fixedWindow({ name: 'a', limit: 4, window })],
      [slidingWindow({ name: 'a', limit: 4, window: '2h' })],
      [slidingWindow({ name: 'a', limit: 4, window }), gcra({ limit: 4, window })],
    ]) {
      const options = { limits: limits as never }
      for (const call of [
        () => limiter.consume('u', options),
        () => limiter.peek('u', options),
        () => limiter.consumeUpTo('u', 2, options),
        () => limiter.reserve('u', options),
      ])
        await expect(call()).rejects.toThrow('"limits"')
    }
    expect(await limiter.peek('u')).toMatchObject({ remaining: 4 })
  })

  it('while Redis is down, applies the share of the limits of each request', async () => {
    const client: CacheClient = {
      ...newClient(),
      run: (script, keys, args) =>
        newClient().run({ ...script, source: 'return nonsense', sha: '0'.repeat(40) }, keys, args),
    }
    const limiter = make([gcra({ limit: 4, window })], { client, onOutage: { local: 0.5 } })
    const pro = [gcra({ limit: 40, window })]
    expect(await limiter.consumeUpTo('free', 50)).toMatchObject({ granted: 2, degraded: true })
    expect(await limiter.consumeUpTo('pro', 50, { limits: pro })).toMatchObject({
      granted: 20,
      degraded: true,
    })
  })
})
