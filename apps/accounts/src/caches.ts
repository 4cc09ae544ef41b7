import type { CacheClient } from '@cache/core'
import { createWriteBehind } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import type { Pool } from 'pg'
import { loadActivity, merge } from './activity.js'
import { createUsers, type User } from './users.js'

/** Profiles are in Postgres before they are in Redis; activity is in Redis first, and a worker carries it to Postgres. */
export function createCaches(client: CacheClient, pool: Pool) {
  const source = createUsers(pool)
  return {
    users: createWriteThrough({ client, prefix: 'user', ttl: '1h', negativeTtl: '5s', load: source.one, store: source.update, remove: source.remove, version: ({ version }: User) => version }),
    activity: createWriteBehind({ client, name: 'activity', ttl: '1h', load: (id: string) => loadActivity(pool, id), merge }),
  }
}

export type Caches = ReturnType<typeof createCaches>
