import { createCacheClient, type CacheClient, type ClientOptions } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

export const libraries = ['ioredis', 'node-redis'] as const
export type Library = (typeof libraries)[number]

/** Deadlines that a busy machine does not miss. */
export const patient = { resilience: { readTimeout: '5s', writeTimeout: '5s' } } as const

/** Deadlines for tests in which Redis does not answer. */
export const impatient = {
  resilience: {
    readTimeout: 200,
    writeTimeout: 500,
    breaker: { failures: 3, cooldown: 200 },
  },
} as const

/** Returns a Redis client of the library. It connects again soon after an outage. */
export function redisClient(library: Library, url: string) {
  if (library === 'node-redis')
    return createClient({ url, socket: { reconnectStrategy: 50 } }).on('error', () => undefined)
  const redis = new Redis(url, { retryStrategy: () => 50 })
  redis.on('error', () => undefined)
  return redis
}

/** Returns a cache client, and a function that ends it and its connection. */
export function cacheClient(
  library: Library,
  url: string,
  options: ClientOptions = patient,
): { readonly client: CacheClient; end(): Promise<void> } {
  const redis = redisClient(library, url)
  const client = createCacheClient(
    redis instanceof Redis ? ioredisDriver(redis) : nodeRedisDriver(redis),
    options,
  )
  return {
    client,
    async end() {
      await client.close()
      if (redis instanceof Redis) redis.disconnect()
      else redis.destroy()
    },
  }
}

/** A promise with its ends. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}
