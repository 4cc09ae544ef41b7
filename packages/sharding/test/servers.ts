import type { Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

export const NAMES = ['a', 'b', 'c', 'd'] as const
export type Name = (typeof NAMES)[number]

/** On ioredis for a and c, on node-redis for the others. */
export function driverOf(url: string, name: Name, opened: { end(): unknown }[] = []): Driver {
  if (name === 'a' || name === 'c') {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    redis.on('error', () => undefined)
    opened.push({ end: () => redis.disconnect() })
    return ioredisDriver(redis)
  }
  const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
  redis.on('error', () => undefined)
  opened.push({
    end: () => {
      if (redis.isOpen) redis.destroy()
    },
  })
  return nodeRedisDriver(redis)
}
