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

const TOGETHER = 250
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
      do: fc.constant('pass' as const),
      micros: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 1_500_000 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('ready' as const), off: fc.constantFrom(-1_000, 0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('refund' as const, 'upTo' as const, 'reset' as const),
      id: fc.nat({ max: 2 }),
    }),
  },
)
const world = fc.record({ limits, steps: fc.array(step, { minLength: 10, maxLength: 30 }) })
type World = typeof world extends fc.Arbitrary<infer W> ? W : never

let worlds = 0
let cached = 0

/** The same steps with the cache and without: all that is said must be the same. */
async function compare({ limits, steps }: World): Promise<void> {
  const clock = new ManualClock()
  const common = {
    client: withClock(clock, client),
    limits,
    deadline: 10_000,
    onOutage: 'deny' as const,
  }
  const mine = new Limiter({ ...common, prefix: `mine:${++worlds}`, denyCache: { max: 5 } }, clock)
  const oracle = new Limiter({ ...common, prefix: `oracle:${worlds}`, denyCache: false }, clock)
  const charged = new Map<number, [Decision, Decision]>()
  const most = Math.min(...limits.map((one) => one.limit))
  let ready = clock.micros
  for (const one of steps) {
    if (one.do === 'pass') clock.micros += one.micros
    else if (one.do === 'ready') clock.micros = Math.max(clock.micros, ready + one.off)
    else if (one.do === 'reset') await Promise.all([mine.reset(one.id), oracle.reset(one.id)])
    else if (one.do === 'refund') {
      const last = charged.get(one.id)
      if (last) expect(await mine.refund(last[0])).toBe(await oracle.refund(last[1]))
    } else {
      const ask = (limiter: Limiter): Promise<Decision> =>
        one.do === 'consume'
          ? limiter.consume(one.id, { cost: Math.min(one.cost, most) })
          : limiter.consumeUpTo(one.id, 3)
      const [said, right] = await Promise.all([ask(mine), ask(oracle)])
      expect({
        allowed: said.allowed,
        granted: said.granted,
        retryAfter: said.retryAfter,
        violated: said.violated,
      }).toEqual({
        allowed: right.allowed,
        granted: right.granted,
        retryAfter: right.retryAfter,
        violated: right.violated,
      })
      if (said.source === 'cache') cached++
      if (said.receipt) charged.set(one.id, [said, right])
      if (!said.allowed) ready = clock.micros + said.retryAfter * 1_000
    }
  }
}

it(
  `the deny cache says what Redis would, in ${RUNS * TOGETHER} random sequences`,
  { timeout: 900_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(world, { minLength: TOGETHER, maxLength: TOGETHER, size: 'max' }),
        async (several) => {
          await Promise.all(
            several.map((one) =>
              compare(one).catch((error: Error) => {
                throw new Error(`${error.message}\nin ${JSON.stringify(one)}`)
              }),
            ),
          )
          expect(await keysWithoutTtl(client)).toEqual([])
          await redis.flushall()
        },
      ),
      // Each world by itself is what failed: there is no use in shrinking all of them, or in
      // printing them.
      {
        numRuns: RUNS,
        endOnFailure: true,
        reporter: ({ failed, errorInstance, seed }) => {
          if (failed) throw new Error(`seed ${seed}: ${(errorInstance as Error).message}`)
        },
      },
    )
    expect(cached).toBeGreaterThan((RUNS * TOGETHER) / 4)
  },
)

it('a repeat offender costs no round trip, until it may be admitted', async () => {
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
    const said = await limiter.consume('u')
    if (said.allowed) break
    expect(said.source).toBe('cache')
  }
  expect(sent).toBe(2)
  await new Promise((resolve) => setTimeout(resolve, retryAfter + 1))
  expect(await limiter.consume('u')).toMatchObject({ allowed: true, source: 'redis' })
})

it('what another process gives back is heard of after maxAge', async () => {
  const options = {
    client,
    prefix: 'others',
    limits: [fixedWindow({ name, limit: 1, window: '1h' })],
    deadline: 10_000,
  }
  const [mine, other] = [
    createRateLimiter({ ...options, denyCache: { maxAge: 100 } }),
    createRateLimiter(options),
  ]
  await mine.consume('u')
  expect(await mine.consume('u')).toMatchObject({ allowed: false })
  await other.reset('u')
  const started = performance.now()
  while (!(await mine.consume('u')).allowed) {
    expect(performance.now() - started).toBeLessThan(5_000)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
})

it('a denial that was under way while something was given back is not remembered', async () => {
  let hold: (() => void) | undefined
  const slow: CacheClient = {
    ...client,
    run: async (script, keys, args, options) => {
      const reply = await client.run(script, keys, args, options)
      if (hold)
        await new Promise<void>((resolve) => {
          hold = resolve
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
  hold = () => undefined
  const denied = limiter.consume('u')
  await new Promise((resolve) => setTimeout(resolve, 50))
  const release = hold
  hold = undefined
  await limiter.reset('u')
  release()
  expect(await denied).toMatchObject({ allowed: false })
  expect(await limiter.consume('u')).toMatchObject({ allowed: true })
})

it('remembers no denial for the sake of a slot, which may be released at any time', async () => {
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
  await using mine = await limiter.consume('u')
  expect(mine.allowed).toBe(true)
})
