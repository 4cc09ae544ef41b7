import type { CacheClient } from '@cache/core'
import { createLocks } from '@cache/lock'
import { createWriteBehind } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import type { Pool } from 'pg'
import { loadActivity, merge } from './activity.js'
import { createExports } from './exports.js'
import { createUsers, type User } from './users.js'

/**
 * Creates the caches of the service:
 *
 * - profiles are written to Postgres and then to Redis (write-through);
 * - activity is written to Redis, and a worker writes it to Postgres later (write-behind);
 * - exports run under a lock, one at a time for each user.
 */
export function createCaches(client: CacheClient, pool: Pool) {
  const source = createUsers(pool)
  const users = createWriteThrough({
    client,
    prefix: 'user',
    ttl: '1h',
    negativeTtl: '5s',
    load: source.find,
    store: source.update,
    remove: source.remove,
    version: ({ version }: User) => version,
  })
  const activity = createWriteBehind({
    client,
    prefix: 'activity',
    ttl: '1h',
    load: (id: string) => loadActivity(pool, id),
    merge,
  })
  const locks = createLocks({ client, ttl: '5s', label: 'accounts' })
  const exports = createExports(locks, pool, async (id) => {
    const [user, userActivity] = await Promise.all([users.get(id), activity.get(String(id))])
    return user && { user, activity: userActivity, at: new Date().toISOString() }
  })
  return {
    users,
    activity,
    exports,
    async close() {
      await locks.close()
      await users.close()
      await activity.close()
    },
  }
}

export type Caches = ReturnType<typeof createCaches>
