import { channels, createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
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

const policies: Record<string, Limit> = {
  slidingWindow: slidingWindow({ name: 'a', limit: 3, window: '1h' }),
  slidingCounter: slidingCounter({ name: 'a', limit: 3, window: '1h' }),
  fixedWindow: fixedWindow({ name: 'a', limit: 3, window: '1h' }),
  tokenBucket: tokenBucket({ name: 'a', capacity: 3, refill: 3, interval: '1h' }),
  gcra: gcra({ name: 'a', limit: 3, window: '1h' }),
}

describe.each(['ioredis', 'node-redis'])('a server that is full, on %s', (name) => {
  let server: RedisServer
  let client: CacheClient
  let end: () => unknown
  let prefixes = 0
  beforeAll(async () => {
    server = await startRedis()
    if (name === 'ioredis') {
      const redis = new Redis(server.url)
      client = createCacheClient(ioredisDriver(redis))
      end = () => redis.disconnect()
    } else {
      const redis = createClient({ url: server.url })
      client = createCacheClient(nodeRedisDriver(redis))
      end = () => redis.destroy()
    }
  })
  afterEach(async () => {
    await server.empty()
    expect(await keysWithoutTtl(client)).toEqual([])
  })
  afterAll(async () => {
    await client.close()
    end()
    await server.stop()
  })
  const make = (limit: Limit, options: Partial<RateLimiterOptions> = {}) =>
    createRateLimiter({
      client,
      prefix: `full${++prefixes}`,
      limits: [limit],
      deadline: '10s',
      denyCache: false,
      ...options,
    })

  it.each(Object.keys(policies))(
    '%s: a decision is left to onOutage and reported; denials, peeks, refunds and resets work',
    async (policy) => {
      const limiter = make(policies[policy]!, { onOutage: 'deny' })
      const first = await limiter.consume('u', { cost: 2 })
      const full = await limiter.consume('full', { cost: 3 })
      await server.fill()
      const errors: unknown[] = []
      const hear = (message: unknown): void => void errors.push(message)
      channels.error.subscribe(hear)
      expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: true })
      channels.error.unsubscribe(hear)
      expect(errors).toMatchObject([
        { operation: 'ratelimit', key: `full${prefixes}:u`, error: { code: 'OOM' } },
      ])
      expect(await limiter.peek('u')).toMatchObject({
        allowed: true,
        remaining: 1,
        degraded: false,
      })
      expect(await limiter.consume('full')).toMatchObject({ allowed: false, degraded: false })
      expect([
        await limiter.refund(first),
        await limiter.refund(first),
        await limiter.refund(full),
      ]).toEqual([true, false, true])
      expect([(await limiter.peek('u')).remaining, (await limiter.peek('full')).remaining]).toEqual(
        [3, 3],
      )
      await limiter.reset('u')
    },
  )

  it('slots are renewed and released', async () => {
    const limiter = make(concurrency({ name: 'a', limit: 2, ttl: 600 }), { onOutage: 'allow' })
    const held = [await limiter.consume('u'), await limiter.consume('u')]
    await server.fill()
    const until = performance.now() + 1_300
    while (performance.now() < until)
      expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: false })
    expect(held.map(({ signal }) => signal.aborted)).toEqual([false, false])
    for (const one of held) await one.release()
    expect(await limiter.peek('u')).toMatchObject({ remaining: 2, degraded: false })
  })
})
