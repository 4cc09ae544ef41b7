import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

const drivers = {
  ioredis: (url) =>
    ioredisDriver(new Redis(url, { retryStrategy: () => 50 }).on('error', () => undefined)),
  'node-redis': (url) =>
    nodeRedisDriver(
      createClient({ url, socket: { reconnectStrategy: 50 } }).on('error', () => undefined),
    ),
}

export function connect(client, url) {
  return createCacheClient(drivers[client](url), {
    resilience: { writeTimeout: 500, breaker: { cooldown: 100 } },
  })
}
