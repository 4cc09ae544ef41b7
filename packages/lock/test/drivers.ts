import { createCacheClient, type CacheClient, type ResilienceOptions } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

export interface Connected extends AsyncDisposable {
  readonly client: CacheClient
}

export const driverNames = ['ioredis', 'node-redis'] as const

/** For tests without an outage: a pause of the machine does not count as one. */
export const longTimeouts: ResilienceOptions = {
  readTimeout: 5_000,
  writeTimeout: 5_000,
  breaker: { cooldown: 100 },
}

/** For tests with an outage. */
export const shortTimeouts: ResilienceOptions = {
  readTimeout: 300,
  writeTimeout: 300,
  breaker: { cooldown: 100 },
}

/** Creates a client for one server. */
export function connect(
  name: (typeof driverNames)[number],
  url: string,
  resilience: ResilienceOptions = shortTimeouts,
): Connected {
  const { driver, disconnect } = openDriver[name](url)
  const client = createCacheClient(driver, { resilience })
  return {
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      disconnect()
    },
  }
}

const openDriver = {
  ioredis(url: string) {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    redis.on('error', () => undefined)
    return { driver: ioredisDriver(redis), disconnect: () => redis.disconnect() }
  },
  'node-redis'(url: string) {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    redis.on('error', () => undefined)
    return { driver: nodeRedisDriver(redis), disconnect: () => redis.destroy() }
  },
}
