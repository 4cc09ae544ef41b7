import { createCacheClient } from '@cache/core'
import { sharedClient } from '@cache/nextjs'

const resilience = {
  readTimeout: Number(process.env.READ_TIMEOUT ?? 2_000),
  writeTimeout: Number(process.env.READ_TIMEOUT ?? 2_000),
  breaker: { failures: 3, cooldown: 500 },
}

async function connect() {
  if (process.env.REDIS_CLIENT === 'node-redis') {
    const { nodeRedisDriver } = await import('@cache/core/node-redis')
    const { createClient } = await import('redis')
    return () => nodeRedisDriver(createClient({ url: process.env.REDIS_URL }))
  }
  const { ioredisDriver } = await import('@cache/core/ioredis')
  const { Redis } = await import('ioredis')
  return () => ioredisDriver(new Redis(process.env.REDIS_URL, { retryStrategy: () => 100 }))
}

const createDriver = await connect()

export const options = {
  client: sharedClient(() => {
    console.log('connecting to Redis')
    return createCacheClient(createDriver(), { namespace: 'app', resilience })
  }),
  ...(process.env.DIST_DIR && {
    deploymentId: process.env.DEPLOYMENT ?? 'first',
  }),
}
