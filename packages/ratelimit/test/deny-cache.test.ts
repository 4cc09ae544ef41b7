import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  type Decision,
  type Limit,
} from '../src/index.js'
import { Limiter } from '../src/limiter.js'
import { keysWithoutTtl } from './matrix.js'
import { ManualClock, withClock } from './manual-clock.js'

/** Sequences that run at the same time. */
const CONCURRENCY = 250
const RUNS = process.env.CHAOS ? 400 : 15

let server: RedisServer
let redis: Redis
let client: CacheClient
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  client = createCacheClient(ioredisDriver(redis), {
    resilience: { readTimeout: '10s', writeTimeout: '10s' },
  })
})
afterEach(async () => {
  expect(await keysWithoutTtl(client)).toEqual([])
})
afterAll(async () => {
  await client.close()
  redis.disconnect()
  await server.stop()
})

const name = 'a'
const window = fc.integer({ min: 1, max: 2_500 })
const limit = fc.integer({ min: 1, max: 5 })
const limits: fc.Arbitrary<readonly Limit[]> = fc.oneof(
  fc.record({ limit, window }).map((options) => [slidingWindow({ name, ...options })]),
  fc.record({ limit, window }).map((options) => [slidingCounter({ name, ...options })]),
  fc.record({ limit, window }).map((options) => [fixedWindow({ name, ...options })]),
  fc.record({ limit, window }).map((options) => [gcra({ name, ...options })]),
  fc
    .tuple(limit, limit, window, window)
    .map(([a, b, one, two]) => [
      slidingWindow({ name: 'a', limit: a, window: one }),
      gcra({ name: 'b', limit: b, window: two }),
    ]),
)
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('consume' as const),
      cost: fc.constantFrom(1, 1, 1, 2),
      id: fc.nat({ max: 2 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      micros: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 1_500_000 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('advance to ready' as const),
      offset: fc.constantFrom(-1_000, 0),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('refund' as const, 'consumeUpTo' as const, 'reset' as const),
      id: fc.nat({ max: 2 }),
    }),
  },
)
const sequence = fc.record({ limits, steps: fc.array(step, { minLength: 10, maxLength: 30 }) })
type Sequence = typeof sequence extends fc.Arbitrary<infer S> ? S : never

let sequences = 0
let cachedDenials = 0

/** Runs the same steps with the cache and without it. All decisions must be the same. */
async function compare({ limits, steps }: Sequence): Promise<void> {
  const clock = new ManualClock()
  const common = {
    client: withClock(clock, client),
    limits,
    deadline: 10_000,
    onOutage: 'deny' as const,
  }
  const caching = new Limiter(
    { ...common, prefix: `caching:${++sequences}`, denyCache: { max: 5 } },
    clock,
  )
  const oracle = new Limiter({ ...common, prefix: `oracle:${sequences}`, denyCache: false }, clock)
  const charged = new Map<number, [Decision, Decision]>()
  const maxCost = Math.min(...limits.map(({ limit }) => limit))
  let readyAt = clock.micros
  for (const current of steps) {
    if (current.do === 'advance') clock.micros += current.micros
    else if (current.do === 'advance to ready')
      clock.micros = Math.max(clock.micros, readyAt + current.offset)
    else if (current.do === 'reset')
      await Promise.all([caching.reset(current.id), oracle.reset(current.id)])
    else if (current.do === 'refund') {
      const last = charged.get(current.id)
      if (last) expect(await caching.refund(last[0])).toBe(await oracle.refund(last[1]))
    } else {
      const decide = (limiter: Limiter): Promise<Decision> =>
        current.do === 'consume'
          ? limiter.consume(current.id, { cost: Math.min(current.cost, maxCost) })
          : limiter.consumeUpTo(current.id, 3)
      const [actual, expected] = await Promise.all([decide(caching), decide(oracle)])
      expect({
        allowed: actual.allowed,
        granted: actual.granted,
        retryAfter: actual.retryAfter,
        violated: actual.violated,
      }).toEqual({
        allowed: expected.allowed,
        granted: expected.granted,
        retryAfter: expected.retryAfter,
        violated: expected.violated,
      })
      if (actual.source === 'cache') cachedDenials++
      if (actual.receipt) charged.set(current.id, [actual, expected])
      if (!actual.allowed) readyAt = clock.micros + actual.retryAfter * 1_000
    }
  }
}

it(
  `decides like Redis in ${RUNS * CONCURRENCY} random sequences`,
  { timeout: 900_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(sequence, { minLength: CONCURRENCY, maxLength: CONCURRENCY, size: 'max' }),
        async (batch) => {
          await Promise.all(
            batch.map((current) =>
              compare(current).catch((error: Error) => {
                throw new Error(`${error.message}\nin ${JSON.stringify(current)}`)
              }),
            ),
          )
          expect(await keysWithoutTtl(client)).toEqual([])
          await redis.flushall()
        },
      ),
      // The message shows the sequence that failed. Shrinking or printing the whole batch is of no
      // use.
      {
        numRuns: RUNS,
        endOnFailure: true,
        reporter: ({ failed, errorInstance, seed }) => {
          if (failed) throw new Error(`seed ${seed}: ${(errorInstance as Error).message}`)
        },
      },
    )
    expect(cachedDenials).toBeGreaterThan((RUNS * CONCURRENCY) / 4)
  },
)

it('a repeat offender costs no round trip until it can be admitted', async () => {
  let sent = 0
  const counting: CacheClient = {
    ...client,
    run: (...args) => {
      sent++
      return client.run(...args)
    },
  }
  const limiter = createRateLimiter({
    client: counting,
    prefix: 'offender',
    limits: [slidingWindow({ name, limit: 1, window: 1_500 })],
    deadline: '10s',
  })
  await limiter.consume('u')
  const { retryAfter } = await limiter.consume('u')
  expect(sent).toBe(2)
  for (let i = 0; i < 1_000; i++) {
    const decision = await limiter.consume('u')
    if (decision.allowed) break
    expect(decision.source).toBe('cache')
  }
  expect(sent).toBe(2)
  await new Promise((resolve) => setTimeout(resolve, retryAfter + 1))
  expect(await limiter.consume('u')).toMatchObject({ allowed: true, source: 'redis' })
})

it('a reset by another process takes effect after maxAge', async () => {
  const options = {
    client,
    prefix: 'others',
    limits: [fixedWindow({ name, limit: 1, window: '1h' })],
    deadline: 10_000,
  }
  const [caching, other] = [
    createRateLimiter({ ...options, denyCache: { maxAge: 100 } }),
    createRateLimiter(options),
  ]
  await caching.consume('u')
  expect(await caching.consume('u')).toMatchObject({ allowed: false })
  await other.reset('u')
  const startedAt = performance.now()
  while (!(await caching.consume('u')).allowed) {
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
})

it('does not cache a denial that was under way during a reset', async () => {
  let resume: (() => void) | undefined
  const slow: CacheClient = {
    ...client,
    run: async (script, keys, args, options) => {
      const reply = await client.run(script, keys, args, options)
      if (resume)
        await new Promise<void>((resolve) => {
          resume = resolve
        })
      return reply
    },
  }
  const limiter = createRateLimiter({
    client: slow,
    prefix: 'race',
    limits: [fixedWindow({ name, limit: 1, window: '1h' })],
    deadline: '10s',
  })
  await limiter.consume('u')
  resume = () => undefined
  const denied = limiter.consume('u')
  await new Promise((resolve) => setTimeout(resolve, 50))
  const resumeDenied = resume
  resume = undefined
  await limiter.reset('u')
  resumeDenied()
  expect(await denied).toMatchObject({ allowed: false })
  expect(await limiter.consume('u')).toMatchObject({ allowed: true })
})

it('does not cache denials by concurrency limits: slots can be released any time', async () => {
  const limiter = createRateLimiter({
    client,
    prefix: 'slots',
    limits: [concurrency({ name, limit: 1, ttl: '10s' })],
    deadline: '10s',
  })
  const other = createRateLimiter({
    client,
    prefix: 'slots',
    limits: [concurrency({ name, limit: 1, ttl: '10s' })],
    deadline: '10s',
  })
  const held = await other.consume('u')
  expect(await limiter.consume('u')).toMatchObject({ allowed: false })
  await held.release()
  await using decision = await limiter.consume('u')
  expect(decision.allowed).toBe(true)
})
