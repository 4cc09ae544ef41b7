import type { Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

export const NAMES = ['a', 'b', 'c', 'd'] as const
export type Name = (typeof NAMES)[number]

/** A Redis client that a test has to close. */
export interface OpenClient {
  close(): unknown
}

/** Creates a driver of one server: on ioredis for a and c, on node-redis for b and d. */
export function driverOf(url: string, name: Name, opened: OpenClient[] = []): Driver {
  if (name === 'a' || name === 'c') {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    redis.on('error', () => undefined)
    opened.push({ close: () => redis.disconnect() })
    return ioredisDriver(redis)
  }
  const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
  redis.on('error', () => undefined)
  opened.push({
    close: () => {
      if (redis.isOpen) redis.destroy()
    },
  })
  return nodeRedisDriver(redis)
}
