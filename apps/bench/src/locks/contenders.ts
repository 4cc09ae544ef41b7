import { Verrou } from '@verrou/core'
import { redisStore } from '@verrou/core/drivers/redis'
import { Redis as Redis5 } from 'ioredis'
import { Mutex } from 'redis-semaphore'
import Redlock from 'redlock'
import { TTL_MS, WAIT_MS, type LockContender } from './lock.js'
import { oursOnIoredis, oursOnNodeRedis } from './ours.js'

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
