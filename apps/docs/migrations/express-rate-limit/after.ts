import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { rateLimit } from '@cache/ratelimit/express'
import express from 'express'
import { Redis } from 'ioredis'

export function createService(redisUrl: string) {
  const redis = new Redis(redisUrl)
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop', logger: console })
  const limiter = createRateLimiter({
    client,
    prefix: 'http',
    limits: [slidingWindow({ limit: 5, window: '1m' })],
    onOutage: 'deny',
  })
  const app = express()
  app.use(rateLimit({ limiter, skip: ({ path }) => path === '/health' }))
  app.get('/', (_request, response) => void response.json({ hello: 'world' }))
  app.get('/health', (_request, response) => void response.sendStatus(204))
  return {
    app,
    async close() {
      await client.close()
      redis.disconnect()
    },
  }
}
