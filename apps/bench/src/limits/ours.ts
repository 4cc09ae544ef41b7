import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createRateLimiter, type Limit, type WindowOptions } from '@cache/ratelimit'
import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import { BARE, type LimiterContender, type MeasuredLimiter } from './limiter.js'

const onIoredis = (policy: Policy): LimiterContender => ({
  name: `@cache/ratelimit on ioredis, ${policy.name}`,
  bare: BARE.ioredis,
  async open(url, limit, windowSeconds) {
    const redis = new Redis(url)
    return limiterOn(
      ioredisDriver(redis),
      () => redis.disconnect(),
      policy({ name: 'requests', limit, window: windowSeconds * 1_000 }),
    )
  },
})

const onNodeRedis = (policy: Policy): LimiterContender => ({
  name: `@cache/ratelimit on node-redis, ${policy.name}`,
  bare: BARE.nodeRedis,
  async open(url, limit, windowSeconds) {
    const redis = await createClient({ url }).connect()
    return limiterOn(
      nodeRedisDriver(redis),
      () => redis.destroy(),
      policy({ name: 'requests', limit, window: windowSeconds * 1_000 }),
    )
  },
})

type Policy = (options: WindowOptions) => Limit
export const ours = (policy: Policy) => [onIoredis(policy), onNodeRedis(policy)] as const

function limiterOn(driver: Driver, end: () => void, limit: Limit): MeasuredLimiter {
  const client = createCacheClient(driver)
  const limiter = createRateLimiter({ client, prefix: 'ours', limits: [limit] })
  return {
    decide: async (id) => (await limiter.consume(id)).allowed,
    async close() {
      await client.close()
      end()
    },
  }
}
