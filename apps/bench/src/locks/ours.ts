import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks } from '@cache/lock'
import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import { TTL_MS, WAIT_MS, type LockContender, type MeasuredLocks } from './lock.js'

export const oursOnIoredis: LockContender = {
  name: '@cache/lock on ioredis',
  async open(url) {
    const redis = new Redis(url)
    return ours(ioredisDriver(redis), () => redis.disconnect())
  },
}

export const oursOnNodeRedis: LockContender = {
  name: '@cache/lock on node-redis',
  async open(url) {
    const redis = await createClient({ url }).connect()
    return ours(nodeRedisDriver(redis), () => redis.destroy())
  },
}

function ours(driver: Driver, end: () => void): MeasuredLocks {
  const client = createCacheClient(driver)
  const locks = createLocks({ client, ttl: TTL_MS, wait: WAIT_MS })
  return {
    hold: (name, work) => locks.withLock(name, work),
    async close() {
      await locks.close()
      await client.close()
      end()
    },
  }
}
