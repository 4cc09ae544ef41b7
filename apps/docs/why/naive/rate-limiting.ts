import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'

/** A sliding window: one member of a sorted set for each request. */
export async function isAllowed(
  redis: Redis,
  user: string,
  limit = 10,
  windowMs = 60_000,
): Promise<boolean> {
  const key = `ratelimit:${user}:requests`
  const now = Date.now()
  await redis.zremrangebyscore(key, 0, now - windowMs)
  const count = await redis.zcard(key)
  if (count >= limit) return false
  await redis.zadd(key, now, randomUUID())
  await redis.pexpire(key, windowMs * 2)
  return true
}
