import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createLocks, createSemaphore } from '@cache/lock'
import { Redis } from 'ioredis'
import type { Exporter, Render } from './exporter.js'

export function createExporter(
  redisUrl: string,
  render: Render,
  { lockTimeout = 10_000 } = {},
): Exporter {
  const redis = new Redis(redisUrl)
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop', logger: console })
  const options = { ttl: lockTimeout, wait: '1m' } as const
  const exports_ = createSemaphore({ client, name: 'exports', permits: 2, ...options })
  const locks = createLocks({ client, ...options })

  return {
    export: (report) => exports_.withPermit(({ signal }) => render(report, { signal })),
    rebuildIndex: (work) => locks.withLock('index', work),
    async close() {
      await client.close()
      redis.disconnect()
    },
  }
}
