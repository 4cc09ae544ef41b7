import { CacheError, CacheUnavailableError, createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createInvalidationBus } from '@cache/pubsub-invalidation'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { describe, expect, it, vi } from 'vitest'
import { createCacheService } from '../src/index.js'

const READ_TIMEOUT = 100

describe.each([
  ['without a bus', false],
  ['with a bus', true],
])('%s', (_, withBus) => {
  it.each(['killed', 'paused'] as const)(
    'Redis is %s: reads answer from the source, and other calls reject until it is back',
    async (how) => {
      await using server = await startRedis()
      const redis = new Redis(server.url, { retryStrategy: () => 50 })
      const client = createCacheClient(ioredisDriver(redis, { timeout: 300 }), {
        resilience: {
          readTimeout: READ_TIMEOUT,
          writeTimeout: 300,
          breaker: { failures: 3, cooldown: 200 },
        },
      })
      const bus = withBus ? createInvalidationBus({ client, heartbeat: 100 }) : undefined
      await vi.waitFor(() => bus?.ready(), { timeout: 10_000 })
      await using cache = createCacheService({ client, ...(bus && { bus }) })
      await vi.waitFor(() => cache.set('a', 'cached'), { timeout: 10_000 })
      await (how === 'killed' ? server.kill() : server.pause())
      await vi.waitFor(
        async () => expect(await cache.get('a', () => 'source')).toBe('source'),
        10_000,
      ) // The near cache knows by then that it may miss messages.
      for (let i = 0; i < 6; i++) {
        const since = performance.now()
        expect(await cache.get('a', () => i)).toBe(i)
        // The deadline, and time for a busy machine.
        expect(performance.now() - since).toBeLessThan(READ_TIMEOUT + 2_000)
      }
      expect(await cache.get('a')).toBe(undefined)
      for (const write of [
        () => cache.set('a', 1),
        () => cache.invalidate('a'),
        () => cache.increment('n'),
        () => cache.bulkInvalidate('a*'),
      ])
        await expect(write()).rejects.toBeInstanceOf(CacheError)
      await expect(cache.mutate(['a'], () => expect.unreachable())).rejects.toBeInstanceOf(
        CacheUnavailableError,
      )
      await (how === 'killed' ? server.restart() : server.resume())
      await vi.waitFor(
        async () => {
          expect(await cache.set('b', 'back')).toBe(true)
          expect(await cache.get('b', () => 'source')).toBe('back')
          await cache.bulkInvalidate('b*')
          expect(await cache.get('b')).toBe(undefined)
        },
        { timeout: 20_000, interval: 20 },
      )
      await bus?.close()
      await client.close()
      redis.disconnect()
    },
  )
})
