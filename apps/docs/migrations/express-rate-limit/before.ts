import express from 'express'
import { rateLimit } from 'express-rate-limit'
import { Redis } from 'ioredis'
import { RedisStore, type RedisReply } from 'rate-limit-redis'

export function createService(redisUrl: string) {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1 })
  redis.on('error', console.warn)
  const app = express()
  app.use(
    rateLimit({
      windowMs: 60_000,
      limit: 5,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      skip: ({ path }) => path === '/health',
      store: new RedisStore({
        prefix: 'shop-rl:',
        sendCommand: (command: string, ...args: string[]) =>
          redis.call(command, ...args) as Promise<RedisReply>,
      }),
    }),
  )
  app.get('/', (_request, response) => void response.json({ hello: 'world' }))
  app.get('/health', (_request, response) => void response.sendStatus(204))
  return { app, close: async () => redis.disconnect() }
}
