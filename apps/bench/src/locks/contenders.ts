import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks } from '@cache/lock'
import { Verrou } from '@verrou/core'
import { redisStore } from '@verrou/core/drivers/redis'
import { Redis as Redis5 } from 'ioredis'
import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import { Mutex } from 'redis-semaphore'
import Redlock from 'redlock'
import { TTL_MS, WAIT_MS, type LockContender, type MeasuredLocks } from './lock.js'

const oursOnIoredis: LockContender = {
  name: '@cache/lock on ioredis',
  async open(url) {
    const redis = new Redis(url)
    return ours(ioredisDriver(redis), () => redis.disconnect())
  },
}

const oursOnNodeRedis: LockContender = {
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

const redlock: LockContender = {
  name: 'redlock',
  async open(url) {
    const redis = new Redis5(url)
    const locks = new Redlock([redis], { retryCount: -1 })
    return {
      async hold(name, work) {
        const lock = await locks.acquire([`redlock:${name}`], TTL_MS)
        try {
          await work()
        } finally {
          await lock.release()
        }
      },
      close: async () => redis.disconnect(),
    }
  },
}

const redisSemaphore: LockContender = {
  name: 'redis-semaphore',
  async open(url) {
    const redis = new Redis5(url)
    return {
      async hold(name, work) {
        const mutex = new Mutex(redis, name, { lockTimeout: TTL_MS, acquireTimeout: WAIT_MS })
        await mutex.acquire()
        try {
          await work()
        } finally {
          await mutex.release()
        }
      },
      close: async () => redis.disconnect(),
    }
  },
}

const verrou: LockContender = {
  name: '@verrou/core',
  async open(url) {
    const redis = new Redis5(url)
    const locks = new Verrou({
      default: 'redis',
      stores: { redis: { driver: redisStore({ connection: redis }) } },
    })
    return {
      async hold(name, work) {
        const lock = locks.createLock(`verrou:${name}`, TTL_MS)
        await lock.acquire({ retry: { timeout: WAIT_MS } })
        try {
          await work()
        } finally {
          await lock.release()
        }
      },
      close: async () => redis.disconnect(),
    }
  },
}

export const lockContenders: readonly LockContender[] = [
  oursOnIoredis,
  oursOnNodeRedis,
  redlock,
  redisSemaphore,
  verrou,
]
