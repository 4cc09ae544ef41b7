import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import express from 'express'
import { Redis } from 'ioredis'

/** Returns whether the password is right. */
export type Check = (user: string, password: string) => Promise<boolean>

/** Five failed logins of a user in a minute block this user for five minutes. */
export async function createService(redisUrl: string, check: Check) {
  const redis = new Redis(redisUrl)
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop', logger: console })
  const failures = createRateLimiter({
    client,
    prefix: 'login',
    limits: [slidingWindow({ limit: 5, window: '1m' })],
    onOutage: { local: 1 },
  })
  const app = express().use(express.json())

  app.post('/login', async ({ body: { user, password } }, response) => {
    const attempt = await failures.consume(user)
    if (!attempt.allowed) {
      if (attempt.blockedFor === 0 && !attempt.degraded) await failures.block(user, '5m')
      const wait = attempt.blockedFor > 0 ? attempt.retryAfter : 300_000
      response.set('Retry-After', String(Math.ceil(wait / 1_000)))
      return void response.sendStatus(429)
    }
    if (!(await check(user, password))) return void response.sendStatus(401)
    if (!attempt.degraded) await failures.reset(user)
    response.sendStatus(200)
  })

  return {
    app,
    async close() {
      await client.close()
      redis.disconnect()
    },
  }
}
