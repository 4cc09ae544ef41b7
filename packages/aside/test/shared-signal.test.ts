import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { createAside } from '../src/index.js'

it('prints no warning if many calls share one signal', async () => {
  await using server = await startRedis()
  const redis = new Redis(server.url)
  const client = createCacheClient(ioredisDriver(redis))
  const warnings: Error[] = []
  const warned = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warned)
  const cache = createAside<number>({ client, prefix: 'p', ttl: '1h' })
  const { signal } = new AbortController()
  await Promise.all(Array.from({ length: 30 }, (_, i) => cache.getOrLoad(i, () => i, { signal })))
  await cache.getOrLoadMany(
    Array.from({ length: 30 }, (_, i) => 100 + i),
    (ids) => ids as number[],
    { signal },
  )
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', warned)
  expect(warnings).toEqual([])
  await client.close()
  redis.disconnect()
})
