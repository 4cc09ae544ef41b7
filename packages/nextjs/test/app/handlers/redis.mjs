import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { sharedClient } from '@cache/nextjs'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

const { REDIS_URL: url, REDIS_CLIENT, READ_TIMEOUT } = process.env
const timeout = Number(READ_TIMEOUT)

function createDriver() {
  if (REDIS_CLIENT === 'node-redis')
    return nodeRedisDriver(createClient({ url, socket: { reconnectStrategy: 100 } }))
  return ioredisDriver(new Redis(url, { retryStrategy: () => 100 }))
}

export const client = sharedClient(() => {
  console.log('connecting to Redis')
  return createCacheClient(createDriver(), {
    namespace: 'app',
    resilience: {
      readTimeout: timeout,
      writeTimeout: timeout,
      breaker: { failures: 3, cooldown: 500 },
    },
  })
})
