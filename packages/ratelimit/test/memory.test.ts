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
const LONG = 'x'.repeat(7_000)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heap(): number {
  collect()
  return process.memoryUsage().heapUsed
}

// What is kept in the process is the same with every client.
describe('ids that clients choose take bounded memory', () => {
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

  /** Asks for ever more ids, some at once. */
  async function flood(ids: number, ask: (id: string) => Promise<unknown>): Promise<void> {
    for (let i = 0; i < ids; i += 200)
      await Promise.all(Array.from({ length: 200 }, (_, j) => ask(`${i + j}-${LONG}`)))
  }

  it('of receipts that a store of express-rate-limit keeps, however many a client has', async () => {
    const limiter = createRateLimiter({
      client,
      prefix: 'store',
      limits: [fixedWindow({ name: 'm', limit: 100, window: '1h' })],
    })
    const store = rateLimitStore({ limiter })
    store.init({ limit: 100, windowMs: 3_600_000 })
    await store.increment('first')
    const before = heap()
    for (let round = 0; round < 5; round++) await flood(1_600, (id) => store.increment(id))
    expect(heap() - before).toBeLessThan(50 * MB)
    await store.decrement(`1599-${LONG}`)
    expect((await store.get(`1599-${LONG}`)).totalHits).toBe(4)
  })

  it('of receipts: they are gone with their window, and nobody has to ask', async () => {
    const limiter = createRateLimiter({
      client,
      prefix: 'gone',
      limits: [fixedWindow({ name: 'm', limit: 100, window: '2s' })],
    })
    const store = rateLimitStore({ limiter })
    store.init({ limit: 100, windowMs: 2_000 })
    await store.increment('first')
    const before = heap()
    await flood(3_000, (id) => store.increment(id))
    await eventually(() => heap() - before < 5 * MB, { every: 500 })
    expect(await store.decrement(`2999-${LONG}`)).toBeUndefined()
  })

  it('of leases from which requests are refunded again and again', async () => {
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

  it('while Redis is out and the process decides', async () => {
    await server.stop()
    const limiter = createRateLimiter({
      client,
      deadline: '5ms',
      prefix: 'out',
      onOutage: { local: 1 },
      limits: [minute],
    })
    await limiter.consume('first')
    const before = heap()
    await flood(IDS, (id) => limiter.consume(id))
    expect(heap() - before).toBeLessThan(42 * MB)
    expect((await limiter.consume('first')).degraded).toBe(true)
  })
})
