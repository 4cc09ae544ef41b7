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

/** For where no server is out: a pause of the machine is no outage. */
export const patient: ResilienceOptions = {
  readTimeout: 5_000,
  writeTimeout: 5_000,
  breaker: { cooldown: 100 },
}

/** For where one is. */
export const hasty: ResilienceOptions = {
  readTimeout: 300,
  writeTimeout: 300,
  breaker: { cooldown: 100 },
}

/** A client to one server. */
export function connect(
  name: (typeof driverNames)[number],
  url: string,
  resilience: ResilienceOptions = hasty,
): Connected {
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
