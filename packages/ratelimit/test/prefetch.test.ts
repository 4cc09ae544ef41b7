import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '@cache/core'
import { describe, expect, it } from 'vitest'
import {
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

const policies: Record<string, (limit: number) => Limit> = {
  slidingWindow: (limit) => slidingWindow({ name: 'a', limit, window: '1h' }),
  slidingCounter: (limit) => slidingCounter({ name: 'a', limit, window: '1h' }),
  fixedWindow: (limit) => fixedWindow({ name: 'a', limit, window: '1h' }),
  tokenBucket: (limit) =>
    tokenBucket({ name: 'a', capacity: limit, refill: limit, interval: '1h' }),
  gcra: (limit) => gcra({ name: 'a', limit, window: '1h' }),
}

onEveryServer(({ newClient }) => {
  function make(limit: Limit, options: Partial<RateLimiterOptions> = {}) {
    const client = newClient()
    const counts = { sent: 0 }
    const counting: CacheClient = {
      ...client,
      run: (...args) => {
        counts.sent++
        return client.run(...args)
      },
    }
    return {
      counts,
      limiter: createRateLimiter({
        client: counting,
        prefix: 'prefetch',
        limits: [limit],
        deadline: '10s',
        onOutage: 'deny',
        denyCache: false,
        prefetch: { tokens: 10, ttl: '10s' },
        ...options,
      }),
    }
  }

  describe.each(Object.keys(policies))('%s', (name) => {
    it('fetches ten tokens per round trip, and two processes stay within the limit', async () => {
      const first = make(policies[name]!(40))
      const second = make(policies[name]!(40))
      const decisions = await Promise.all(
        Array.from({ length: 25 }, () => first.limiter.consume('u')),
      )
      expect(first.counts.sent).toBe(3)
      expect(decisions.every(({ allowed, granted }) => allowed && granted === 1)).toBe(true)
      const rest = await Promise.all(
        Array.from({ length: 60 }, (_, i) => [first, second][i % 2]!.limiter.consume('u')),
      )
      const admitted = rest.filter(({ allowed }) => allowed).length
      expect(admitted).toBeLessThanOrEqual(15)
      // 5 tokens of the third batch, and 10 of another one. A bucket also counts the tokens that
      // come back during the lifetime of a batch, which are less than one.
      expect(admitted).toBeGreaterThanOrEqual(14)
    })
  })

  it('reports what is left in Redis and in the batch', async () => {
    const { limiter } = make(slidingWindow({ name: 'a', limit: 40, window: '1h' }))
    expect(await limiter.consume('u')).toMatchObject({
      source: 'prefetch',
      remaining: 39,
      violated: [],
      degraded: false,
    })
    expect(await limiter.consume('u', { cost: 3 })).toMatchObject({
      source: 'prefetch',
      remaining: 36,
      granted: 3,
    })
    expect(await limiter.peek('u')).toMatchObject({ remaining: 30 })
  })

  it('puts refunded tokens back into their batch, once', async () => {
    const { limiter, counts } = make(slidingWindow({ name: 'a', limit: 10, window: '1h' }))
    const decisions = await Promise.all(Array.from({ length: 10 }, () => limiter.consume('u')))
    expect(await limiter.consume('u')).toMatchObject({ allowed: false, violated: ['a'] })
    expect([
      await limiter.refund(decisions[3]!),
      await limiter.refund(decisions[3]!.receipt!),
    ]).toEqual([true, false])
    expect([(await limiter.consume('u')).allowed, (await limiter.consume('u')).allowed]).toEqual([
      true,
      false,
    ])
    expect(counts.sent).toBe(3)
  })

  it('drops tokens that are not spent in time', async () => {
    const { limiter } = make(slidingWindow({ name: 'a', limit: 15, window: '1h' }), {
      prefetch: { tokens: 10, ttl: 100 },
    })
    await limiter.consume('u')
    await sleep(150)
    const rest = await Promise.all(Array.from({ length: 10 }, () => limiter.consume('u')))
    expect(rest.filter(({ allowed }) => allowed)).toHaveLength(5)
  })

  it('decides without a prefetch if no tokens can be spent later', async () => {
    // The bucket gets back as many tokens as a batch could hold during the batch's lifetime.
    const { limiter } = make(gcra({ name: 'a', limit: 5, window: 5_000 }))
    const decisions = await Promise.all(Array.from({ length: 8 }, () => limiter.consume('u')))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(5)
  })

  it('charges a cost higher than a batch at once', async () => {
    const { limiter } = make(slidingWindow({ name: 'a', limit: 40, window: '1h' }))
    expect(await limiter.consume('u', { cost: 25 })).toMatchObject({ allowed: true, granted: 25 })
    expect(await limiter.consume('u', { cost: 25 })).toMatchObject({
      allowed: false,
      violated: ['a'],
    })
  })
})
