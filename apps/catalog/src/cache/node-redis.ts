import { createCacheClient, type ResilienceOptions } from '@cache/core'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createClient } from 'redis'
import type { Connected } from './connected.js'

export function connect(url: string, resilience: ResilienceOptions): Connected {
  const redis = createClient({
    url,
    socket: { reconnectStrategy: (attempt) => Math.min(attempt * 50, 500) },
  })
  const client = createCacheClient(nodeRedisDriver(redis), { namespace: 'shop', resilience })
  return {
    client,
    close: async () => {
      await client.close()
      redis.destroy()
    },
  }
}
