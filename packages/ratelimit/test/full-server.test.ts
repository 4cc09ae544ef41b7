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

describe.each(['ioredis', 'node-redis'])('a full server, on %s', (name) => {
  let server: RedisServer
  let client: CacheClient
  let disconnect: () => unknown
  let prefixes = 0
  beforeAll(async () => {
    server = await startRedis()
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
    await server.empty()
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
      prefix: `full${++prefixes}`,
      limits: [limit],
      deadline: '10s',
      denyCache: false,
      ...options,
    })

  it.each(Object.keys(policies))(
    '%s: onOutage decides on a charge; denials, peeks, refunds and resets work',
    async (policy) => {
      const limiter = make(policies[policy]!, { onOutage: 'deny' })
      const first = await limiter.consume('u', { cost: 2 })
      const exhausting = await limiter.consume('exhausted', { cost: 3 })
      await server.fill()
      const errors: unknown[] = []
      const onError = (message: unknown): void => void errors.push(message)
      channels.error.subscribe(onError)
      expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: true })
      channels.error.unsubscribe(onError)
      expect(errors).toMatchObject([
        { operation: 'ratelimit', key: `full${prefixes}:u`, error: { code: 'OOM' } },
      ])
      expect(await limiter.peek('u')).toMatchObject({
        allowed: true,
        remaining: 1,
        degraded: false,
      })
      expect(await limiter.consume('exhausted')).toMatchObject({ allowed: false, degraded: false })
      expect([
        await limiter.refund(first),
        await limiter.refund(first),
        await limiter.refund(exhausting),
      ]).toEqual([true, false, true])
      expect([
        (await limiter.peek('u')).remaining,
        (await limiter.peek('exhausted')).remaining,
      ]).toEqual([3, 3])
      await limiter.reset('u')
    },
  )

  it('renews and releases slots', async () => {
    const limiter = make(concurrency({ name: 'a', limit: 2, ttl: 600 }), { onOutage: 'allow' })
    const held = [await limiter.consume('u'), await limiter.consume('u')]
    await server.fill()
    const until = performance.now() + 1_300
    while (performance.now() < until)
      expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: false })
    expect(held.map(({ signal }) => signal.aborted)).toEqual([false, false])
    for (const decision of held) await decision.release()
    expect(await limiter.peek('u')).toMatchObject({ remaining: 2, degraded: false })
  })
})
