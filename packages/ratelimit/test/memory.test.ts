import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { eventually, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { rateLimitStore } from '../src/adapters/express-rate-limit.js'
import { createRateLimiter, fixedWindow } from '../src/index.js'

const MB = 1024 ** 2
const IDS = 8_000
const PADDING = 'x'.repeat(7_000)

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** Requests that have just ended, and their errors, may live a little longer. */
async function expectHeapBelow(bytes: number): Promise<void> {
  await expect.poll(heapUsed, { timeout: 20_000, interval: 500 }).toBeLessThan(bytes)
}

// One client is enough, because the memory of the process does not depend on it.
describe('the memory for ids that clients choose is bounded', () => {
  let server: RedisServer
  let redis: Redis
  let client: CacheClient
  beforeAll(async () => {
    server = await startRedis()
    redis = new Redis(server.url)
    redis.on('error', () => undefined)
    client = createCacheClient(ioredisDriver(redis), {
      resilience: { readTimeout: '10s', writeTimeout: '10s' },
    })
  })
  afterAll(async () => {
    await client.close()
    redis.disconnect()
    await server.stop()
  })
  beforeEach(() => server.flush())
  const minute = fixedWindow({ name: 'm', limit: 5, window: '1m' })

  /** Calls `consume` for many different ids, 200 at a time. */
  async function flood(ids: number, consume: (id: string) => Promise<unknown>): Promise<void> {
    for (let i = 0; i < ids; i += 200)
      await Promise.all(Array.from({ length: 200 }, (_, j) => consume(`${i + j}-${PADDING}`)))
  }

  it('for receipts of rateLimitStore, however many a client has', async () => {
    const limiter = createRateLimiter({
      client,
      prefix: 'store',
      limits: [fixedWindow({ name: 'm', limit: 100, window: '1h' })],
    })
    const store = rateLimitStore({ limiter })
    store.init({ limit: 100, windowMs: 3_600_000 })
    await store.increment('first')
    const before = heapUsed()
    for (let round = 0; round < 5; round++) await flood(1_600, (id) => store.increment(id))
    await expectHeapBelow(before + 50 * MB)
    await store.decrement(`1599-${PADDING}`)
    expect((await store.get(`1599-${PADDING}`)).totalHits).toBe(4)
  })

  it('for receipts of rateLimitStore, which are dropped after their window', async () => {
    const limiter = createRateLimiter({
      client,
      prefix: 'expiring',
      limits: [fixedWindow({ name: 'm', limit: 100, window: '2s' })],
    })
    const store = rateLimitStore({ limiter })
    store.init({ limit: 100, windowMs: 2_000 })
    await store.increment('first')
    const before = heapUsed()
    await flood(3_000, (id) => store.increment(id))
    await eventually(() => heapUsed() - before < 5 * MB, { every: 500 })
    expect(await store.decrement(`2999-${PADDING}`)).toBeUndefined()
  })

  it('for prefetched tokens that are refunded again and again', async () => {
    const limiter = createRateLimiter({
      client,
      prefix: 'prefetch',
      prefetch: { tokens: 10, ttl: '1m' },
      limits: [fixedWindow({ name: 'm', limit: 100, window: '10m' })],
    })
    let refunded = 0
    for (let i = 0; i < 10_050; i++) {
      const decision = await limiter.consume('a')
      if (decision.source !== 'prefetch') continue
      if (await limiter.refund(decision)) refunded++
      else break
    }
    expect(refunded).toBe(10_000)
    expect((await limiter.consume('a')).allowed).toBe(true)
  })

  it('while Redis is down and the process decides', async () => {
    await server.stop()
    const limiter = createRateLimiter({
      client,
      deadline: '5ms',
      prefix: 'out',
      onOutage: { local: 1 },
      limits: [minute],
    })
    await limiter.consume('first')
    const before = heapUsed()
    await flood(IDS, (id) => limiter.consume(id))
    await expectHeapBelow(before + 42 * MB)
    expect((await limiter.consume('first')).degraded).toBe(true)
  })
})
