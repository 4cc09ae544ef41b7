import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
} from '../src/index.js'

const WINDOW = { limit: 1_000, window: '1h' } as const
const READ_AND_WRITE = { get: 1, set: 1 }
const READ_WRITE_AND_TTL = { get: 1, set: 1, pttl: 1 }

it.each([
  { limit: fixedWindow(WINDOW), expected: READ_AND_WRITE },
  { limit: slidingCounter(WINDOW), expected: READ_AND_WRITE },
  {
    limit: tokenBucket({ capacity: 1_000, refill: 1, interval: '1h' }),
    expected: READ_WRITE_AND_TTL,
  },
  { limit: gcra(WINDOW), expected: READ_WRITE_AND_TTL },
  { limit: slidingWindow(WINDOW), expected: { zscore: 2, zcount: 1, zadd: 1, pttl: 1 } },
  {
    limit: concurrency({ limit: 1_000, ttl: '1h' }),
    expected: { zcount: 1, zscore: 3, zrange: 2, zremrangebyscore: 1, zadd: 1, pttl: 1 },
  },
])('$limit.policy takes as many commands as the README says', async ({ limit, expected }) => {
  await using server = await startRedis()
  const redis = new Redis(server.url)
  await using client = createCacheClient(ioredisDriver(redis))
  const limiter = createRateLimiter({ client, prefix: 'costs', limits: [limit] })
  for (let i = 0; i < 3; i++) await limiter.consume('a')
  const before = await commandCounts(server)
  await limiter.consume('a')
  const spent = Object.entries(await commandCounts(server))
    .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
    .filter(([name, count]) => count > 0 && name !== 'info')
  expect(Object.fromEntries(spent)).toEqual({ evalsha: 1, time: 1, exists: 1, ...expected })
  redis.disconnect()
})

/** Returns how often the server has executed each command, also in scripts. */
async function commandCounts(server: RedisServer): Promise<Record<string, number>> {
  const stats = await server.cli('INFO', 'commandstats')
  const counts = stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)
  return Object.fromEntries([...counts].map(([, name, calls]) => [name!, Number(calls)]))
}
