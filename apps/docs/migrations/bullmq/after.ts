import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Profile, Profiles, Table } from './profiles.js'

export async function createProfiles(redisUrl: string, table: Table): Promise<Profiles> {
  const redis = new Redis(redisUrl)
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop', logger: console })
  const profiles = createWriteBehind<Profile | undefined, string>({
    client,
    prefix: 'profile',
    ttl: '1h',
    load: (id) => table.find(id),
  })
  const worker = createWriteBehindWorker<Profile, string>({
    client,
    prefix: 'profile',
    async flush(writes) {
      const upsert = ({ id, value, sequence }: (typeof writes)[number]) =>
        table.upsert(id, value!, sequence)
      const results = await Promise.allSettled(writes.map(upsert))
      return results.flatMap((result, i) =>
        result.status === 'rejected' ? [{ write: writes[i]!, error: result.reason }] : [],
      )
    },
    retry: { attempts: 8, backoff: '100ms' },
  })
  const stop = new AbortController()
  const running = worker.run({ signal: stop.signal })

  return {
    put: (id, profile) => profiles.put(id, profile),
    get: (id) => profiles.get(id),
    async drained() {
      while ((await profiles.pending()).writes > 0) await sleep(20)
    },
    async close() {
      stop.abort()
      await running
      await client.close()
      redis.disconnect()
    },
  }
}
