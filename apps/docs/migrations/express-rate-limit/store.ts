import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { rateLimitStore } from '@cache/ratelimit/express-rate-limit'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { Redis } from 'ioredis'

export function createService(redisUrl: string) {
  const redis = new Redis(redisUrl)
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop', logger: console })
  const limiter = createRateLimiter({
    client,
    prefix: 'http',
    limits: [slidingWindow({ limit: 5, window: '1m' })],
  })
  const app = express()
  app.use(
    rateLimit({
      windowMs: 60_000,
      limit: 5,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      skip: ({ path }) => path === '/health',
      store: rateLimitStore({ limiter }),
    }),
  )
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
