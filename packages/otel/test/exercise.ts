import { setTimeout as sleep } from 'node:timers/promises'
import { createAside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { createLocks } from '@cache/lock'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import type { RedisServer } from '@cache/testkit'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'

/**
 * Uses every pattern that is instrumented, so that each metric has a value with each of its
 * attributes.
 */
export async function exercise(client: CacheClient, server: RedisServer): Promise<AsyncDisposable> {
  const bus = createInvalidationBus({ client, heartbeat: '30s' })
  await bus.ready()
  const near = withNearCache(client, { bus })
  const products = createAside<string>({
    client: near,
    prefix: 'product',
    ttl: '10m',
    staleWhileRevalidate: '1h',
  })
  await products.getOrLoad(1, () => sleep(5, 'chair'))
  for (let i = 0; i < 10; i++) await products.getOrLoad(1, () => 'chair')
  await products.expire(1)
  await products.getOrLoad(1, () => 'chair')
  await products.idle()
  await products.invalidate(1)
  await products
    .getOrLoad(2, () => Promise.reject(new RangeError('no rows')))
    .catch(() => undefined)
  await client.send({ args: ['SET', 'shop:product:3', 'no JSON'], keys: ['shop:product:3'] })
  await products.getOrLoad(3, () => 'table')

  const locks = createLocks({ client, prefix: 'jobs' })
  await locks.withLock('invoice', () =>
    locks.acquire('invoice', { wait: 20 }).catch(() => undefined),
  )
  await locks.acquire('never released')
  await locks.close()

  const limits = [slidingWindow({ name: 'burst', limit: 1, window: '1m' })]
  const limiter = createRateLimiter({ client, prefix: 'api', deadline: '10s', limits })
  for (let i = 0; i < 2; i++) await limiter.consume('user')
  const impatient = createCacheClient(client.driver, {
    resilience: { writeTimeout: 100 },
    onError: () => undefined,
  })
  const degraded = createRateLimiter({ client: impatient, prefix: 'api', deadline: 20, limits })
  await server.pause()
  await degraded.consume('user')
  await server.resume()

  const scores = createWriteBehind({
    client,
    prefix: 'scores',
    ttl: '1h',
    load: async (_id: string): Promise<number | undefined> => undefined,
  })
  const worker = createWriteBehindWorker<number>({
    client,
    prefix: 'scores',
    flush: async () => undefined,
  })
  const stop = new AbortController()
  const running = worker.run({ signal: stop.signal })
  await scores.put('a', 1)
  await scores.flushed('a')
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
      await scores.close()
      await near.close()
      await bus.close()
    },
  }
}
