import type { Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'

export interface OpenDriver {
  readonly driver: Driver
  disconnect(): void
}

/** The Redis clients, each with the driver that it is used with. */
export const clients = {
  ioredis(url: string): OpenDriver {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    redis.on('error', () => undefined)
    return { driver: ioredisDriver(redis), disconnect: () => redis.disconnect() }
  },
  'node-redis'(url: string): OpenDriver {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    redis.on('error', () => undefined)
    return { driver: nodeRedisDriver(redis), disconnect: () => redis.destroy() }
  },
  iovalkey(url: string): OpenDriver {
    const valkey = new Valkey(url, { retryStrategy: () => 50 })
    valkey.on('error', () => undefined)
    return { driver: ioredisDriver(valkey), disconnect: () => valkey.disconnect() }
  },
}

export type ClientName = keyof typeof clients
