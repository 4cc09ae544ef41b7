import express from 'express'
import { Redis } from 'ioredis'
import { once } from 'node:events'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'

/** Returns whether the password is right. */
export type Check = (user: string, password: string) => Promise<boolean>

/** Five failed logins of a user in a minute block this user for five minutes. */
export async function createService(redisUrl: string, check: Check) {
  const redis = new Redis(redisUrl)
  redis.on('error', console.warn)
  await once(redis, 'ready')
  const failures = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: 'login',
    points: 5,
    duration: 60,
    blockDuration: 300,
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory({ points: 5, duration: 60, blockDuration: 300 }),
  })
  const app = express().use(express.json())

  app.post('/login', async ({ body: { user, password } }, response) => {
    const state = await failures.get(user)
    if (state !== null && state.consumedPoints > 5) {
      response.set('Retry-After', String(Math.ceil(state.msBeforeNext / 1_000)))
      return void response.sendStatus(429)
    }
    if (await check(user, password)) {
      await failures.delete(user)
      return void response.sendStatus(200)
    }
    try {
      await failures.consume(user)
      response.sendStatus(401)
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      response.set('Retry-After', String(Math.ceil(error.msBeforeNext / 1_000)))
      response.sendStatus(429)
    }
  })

  return { app, close: async () => redis.disconnect() }
}
