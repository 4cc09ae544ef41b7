import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
} from '../src/index.js'

const WINDOW = { limit: 10, window: '1h' } as const

it.each([gcra(WINDOW), slidingWindow(WINDOW), concurrency({ limit: 10, ttl: '1h' })])(
  '$policy sets a ttl only if the key would expire before it is not needed any more',
  async (limit) => {
    await using server = await startRedis()
    const redis = new Redis(server.url)
    await using client = createCacheClient(ioredisDriver(redis))
    const limiter = createRateLimiter({ client, prefix: 'ttl', limits: [limit] })
    const consume = async (): Promise<{ readonly needed: number; readonly ttl: number }> => {
      const { limits } = await limiter.consume('a')
      return { needed: limits[0]!.resetAfter, ttl: await redis.pttl(key) }
    }
    await limiter.consume('a')
    const [key] = (await redis.keys('*')) as [string]

    for (const change of [['PERSIST'], ['PEXPIRE', '60000']] as const) {
      const [name, ...args] = change
      await redis.call(name, key, ...args)
      const set = await consume()
      expect(set.ttl).toBeGreaterThan(set.needed)
      expect(set.ttl).toBeLessThanOrEqual(1.5 * (set.needed + 2_000))
    }
    await redis.pexpire(key, 36_000_000)
    const kept = await consume()
    expect(kept.ttl).toBeGreaterThan(35_000_000)
    redis.disconnect()
  },
)

it.each([fixedWindow(WINDOW), slidingCounter(WINDOW)])(
  '$policy keeps the ttl that its window has got',
  async (limit) => {
    await using server = await startRedis()
    const redis = new Redis(server.url)
    await using client = createCacheClient(ioredisDriver(redis))
    const limiter = createRateLimiter({ client, prefix: 'ttl', limits: [limit] })
    const { limits } = await limiter.consume('a')
    const [key] = (await redis.keys('*')) as [string]
    expect(await redis.pttl(key)).toBeGreaterThan(limits[0]!.resetAfter)
    await redis.pexpire(key, 36_000_000)
    await limiter.consume('a')
    expect(await redis.pttl(key)).toBeGreaterThan(35_000_000)
    redis.disconnect()
  },
)
