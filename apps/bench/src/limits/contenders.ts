import { fixedWindow, gcra, slidingWindow } from '@cache/ratelimit'
import { Redis } from 'ioredis-6'
import { RedisStore } from 'rate-limit-redis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { createClient } from 'redis'
import { handWrittenOnIoredis, handWrittenOnNodeRedis } from './hand-written.js'
import { BARE, type LimiterContender, type MeasuredLimiter } from './limiter.js'
import { ours } from './ours.js'

/** One round trip without a decision: the minimum cost of a decision that uses Redis. */
const bareIoredis: LimiterContender = {
  name: BARE.ioredis,
  bare: BARE.ioredis,
  async open(url) {
    const redis = new Redis(url)
    return {
      decide: async (id) => (await redis.incr(`bare:${id}`)) > 0,
      close: async () => redis.disconnect(),
    }
  },
}

const bareNodeRedis: LimiterContender = {
  name: BARE.nodeRedis,
  bare: BARE.nodeRedis,
  async open(url) {
    const redis = await createClient({ url }).connect()
    return {
      decide: async (id) => (await redis.incr(`bare:${id}`)) > 0,
      close: async () => redis.destroy(),
    }
  },
}

const flexibleOnIoredis: LimiterContender = {
  name: 'rate-limiter-flexible on ioredis',
  bare: BARE.ioredis,
  async open(url, points, duration) {
    const redis = new Redis(url)
    return flexible(
      new RateLimiterRedis({
        storeClient: redis,
        keyPrefix: 'flexible',
        points,
        duration,
        inMemoryBlockOnConsumed: points,
      }),
      () => redis.disconnect(),
    )
  },
}

const flexibleOnNodeRedis: LimiterContender = {
  name: 'rate-limiter-flexible on node-redis',
  bare: BARE.nodeRedis,
  async open(url, points, duration) {
    const redis = await createClient({ url }).connect()
    return flexible(
      new RateLimiterRedis({
        storeClient: redis,
        useRedisPackage: true,
        keyPrefix: 'flexible',
        points,
        duration,
        inMemoryBlockOnConsumed: points,
      }),
      () => redis.destroy(),
    )
  },
}

function flexible(limiter: RateLimiterRedis, end: () => void): MeasuredLimiter {
  return {
    async decide(id) {
      try {
        await limiter.consume(id)
        return true
      } catch (error) {
        if (error instanceof RateLimiterRes) return false
        throw error
      }
    },
    close: async () => end(),
  }
}

const rateLimitRedis: LimiterContender = {
  name: 'rate-limit-redis on ioredis',
  bare: BARE.ioredis,
  async open(url, limit, windowSeconds) {
    const redis = new Redis(url)
    const store = new RedisStore({
      prefix: 'rlr:',
      sendCommand: (command: string, ...args: string[]) =>
        redis.call(command, ...args) as Promise<number>,
    })
    void store.init({ windowMs: windowSeconds * 1_000 } as Parameters<typeof store.init>[0])
    return {
      decide: async (id) => (await store.increment(id)).totalHits <= limit,
      close: async () => redis.disconnect(),
    }
  },
}

const bare = [bareIoredis, bareNodeRedis]
const flexibleOnes = [flexibleOnIoredis, flexibleOnNodeRedis]

export const limiters: readonly LimiterContender[] = [
  ...bare,
  ...[fixedWindow, gcra, slidingWindow].flatMap(ours),
  ...flexibleOnes,
  rateLimitRedis,
]

/** An exact log by us and by hand, and the counters in fixed windows of others. */
export const logLimiters: readonly LimiterContender[] = [
  ...bare,
  ...ours(slidingWindow),
  handWrittenOnIoredis('log'),
  handWrittenOnNodeRedis('log'),
  ...flexibleOnes,
]

export const gcraLimiters: readonly LimiterContender[] = [
  ...bare,
  ...ours(gcra),
  handWrittenOnIoredis('gcra'),
  handWrittenOnNodeRedis('gcra'),
]
