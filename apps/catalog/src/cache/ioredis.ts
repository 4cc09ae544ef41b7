import { createCacheClient, type ResilienceOptions } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { Redis } from 'ioredis'
import type { Connected } from './connected.js'

export function connect(url: string, resilience: ResilienceOptions): Connected {
  const redis = new Redis(url, { retryStrategy: (attempt) => Math.min(attempt * 50, 500) })
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop', resilience })
  return {
    client,
    close: async () => {
      await client.close()
      redis.disconnect()
    },
  }
}
