import { createCacheClient, type CacheClient, type ResilienceOptions } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

export interface Connected extends AsyncDisposable {
  readonly client: CacheClient
}

const makers = {
  ioredis(url: string) {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    redis.on('error', () => undefined)
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url: string) {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    redis.on('error', () => undefined)
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

export const driverNames = ['ioredis', 'node-redis'] as const

/** A client to one server, which gives up after 300 ms. */
export function connect(name: (typeof driverNames)[number], url: string, resilience: ResilienceOptions = { readTimeout: 300, writeTimeout: 300, breaker: { cooldown: 100 } }): Connected {
  const { driver, end } = makers[name](url)
  const client = createCacheClient(driver, { resilience })
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      end()
    },
  }
}
