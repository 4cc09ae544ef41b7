import type { Redis } from 'ioredis'

export interface User {
  name: string
  role: string
}

/** Get, load, set. */
export async function getUser(
  redis: Redis,
  id: number,
  load: (id: number) => Promise<User | null>,
): Promise<User | null> {
  const cached = await redis.get(`user:${id}`)
  if (cached) return JSON.parse(cached) as User
  const user = await load(id)
  if (user) await redis.setex(`user:${id}`, 3_600, JSON.stringify(user))
  return user
}

/** Store, delete. */
export async function updateUser(
  redis: Redis,
  id: number,
  store: () => Promise<void>,
): Promise<void> {
  await store()
  await redis.del(`user:${id}`)
}
