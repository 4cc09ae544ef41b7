import type { Redis } from 'ioredis'

/** Deletes a user, and then everything in the cache that has to do with it. */
export async function deleteUser(
  redis: Redis,
  id: number,
  deleteRow: (id: number) => Promise<void>,
): Promise<void> {
  await deleteRow(id)
  await redis.del(`user:${id}`)
  await redis.del(`user:${id}:permissions`)
  await redis.del(`user:${id}:settings`)
  await redis.lrem('recent_users', 0, id)
  await redis.srem('active_users', id)
}
