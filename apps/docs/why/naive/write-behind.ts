import type { Redis } from 'ioredis'
import type { User } from './cache-aside.js'

export interface Task {
  id: number
  patch: Partial<User>
}

/** Changes the cached value, and queues the write for the database. */
export async function updateUser(redis: Redis, id: number, patch: Partial<User>): Promise<void> {
  const cached = await redis.get(`user:${id}`)
  if (cached) {
    const user = { ...(JSON.parse(cached) as User), ...patch }
    await redis.setex(`user:${id}`, 3_600, JSON.stringify(user))
  }
  await redis.lpush('db_write_queue', JSON.stringify({ id, patch } satisfies Task))
}

/** A worker: takes the next write out of the queue, and brings it to the database. */
export async function processNext(
  redis: Redis,
  store: (task: Task) => Promise<void>,
): Promise<void> {
  const item = await redis.brpop('db_write_queue', 1)
  if (item === null) return
  try {
    await store(JSON.parse(item[1]) as Task)
  } catch {
    await redis.lpush('db_write_error_queue', item[1])
  }
}
