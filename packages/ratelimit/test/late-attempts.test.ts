import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fixedWindow, gcra, slidingCounter, slidingWindow, tokenBucket } from '../src/index.js'
import { decideArgs, limitArg, limitScripts, type Verdict } from '../src/limit-scripts.js'

let server: RedisServer
let redis: Redis
let client: CacheClient
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  client = createCacheClient(ioredisDriver(redis))
})
afterAll(async () => {
  await client.close()
  redis.disconnect()
  await server.stop()
})

it.each([
  slidingWindow({ limit: 1_000, window: '1h' }),
  slidingCounter({ limit: 1_000, window: '1h' }),
  fixedWindow({ limit: 1_000, window: '1h' }),
  tokenBucket({ capacity: 1_000, refill: 1, interval: '1h' }),
  gcra({ limit: 1_000, window: '1h' }),
])(
  '$policy recognises each of the latest ten attempts, after any number of them',
  async (limit) => {
    const { decide } = limitScripts([limit])
    const key = `{${limit.policy}}:late`
    const send = (attempt: number): Promise<Verdict> => {
      const request = { minCost: 1, maxCost: 1 }
      return client.run(decide, [key], decideArgs(`process.${attempt}`, request, [limitArg(limit)]))
    }
    for (let attempt = 1; attempt <= 50; attempt++) {
      expect((await send(attempt)).limits[0]!.available).toBe(1_000 - attempt)
      const oldest = Math.max(1, attempt - 9)
      expect((await send(oldest)).limits[0]!.available, `${attempt}`).toBe(1_000 - attempt)
    }
  },
)
