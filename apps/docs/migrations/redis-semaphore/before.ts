import { Redis } from 'ioredis'
import { Mutex, Semaphore } from 'redis-semaphore'
import type { Exporter, Render } from './exporter.js'

export function createExporter(
  redisUrl: string,
  render: Render,
  { lockTimeout = 10_000 } = {},
): Exporter {
  const redis = new Redis(redisUrl)
  redis.on('error', console.warn)
  const options = {
    lockTimeout,
    acquireTimeout: 60_000,
    onLockLost: (error: Error) => console.warn(error), // the default is an unhandled rejection
  }

  return {
    async export(report) {
      const semaphore = new Semaphore(redis, 'exports', 2, options)
      await semaphore.acquire()
      try {
        await render(report, {})
      } finally {
        await semaphore.release()
      }
    },
    async rebuildIndex(work) {
      const mutex = new Mutex(redis, 'index', options)
      await mutex.acquire()
      try {
        await work()
      } finally {
        await mutex.release()
      }
    },
    close: async () => redis.disconnect(),
  }
}
