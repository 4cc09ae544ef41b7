import type { Redis } from 'ioredis'
import type { User } from './cache-aside.js'

/** Stores the change in the database, and merges it into the cached value. */
export async function updateUser(
  redis: Redis,
  id: number,
  patch: Partial<User>,
  store: (id: number, patch: Partial<User>) => Promise<void>,
  load: (id: number) => Promise<User>,
): Promise<void> {
  await store(id, patch)
  const cached = await redis.get(`user:${id}`)
  const user = cached ? { ...(JSON.parse(cached) as User), ...patch } : await load(id)
  await redis.setex(`user:${id}`, 3_600, JSON.stringify(user))
}
