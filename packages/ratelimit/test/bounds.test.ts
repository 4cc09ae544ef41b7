import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
} from '../src/index.js'
import { decideArgs, limitArg, limitScripts } from '../src/limit-scripts.js'
import { ManualClock, withClock } from './manual-clock.js'

const RUNS = process.env.CHAOS ? 3_000 : 300

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
afterAll(async () => {
  await client.close()
  redis.disconnect()
  await server.stop()
})

interface Spend {
  readonly at: number
  readonly cost: number
}

const name = 'a'
const windowOptions = fc.record({
  limit: fc.integer({ min: 1, max: 12 }),
  window: fc.integer({ min: 1, max: 50 }),
})
/** The bound of each policy: the cost that it may admit in `micros` µs from the first request. */
const bounds: Record<
  string,
  { readonly limits: fc.Arbitrary<Limit>; readonly bound: (limit: Limit, micros: number) => number }
> = {
  slidingWindow: {
    limits: windowOptions.map((options) => slidingWindow({ name, ...options })),
    bound: ({ limit, window }, micros) => (micros < window * 1_000 ? limit : Infinity),
  },
  fixedWindow: {
    limits: windowOptions.map((options) => fixedWindow({ name, ...options })),
    bound: ({ limit, window }, micros) => (micros < window * 1_000 ? 2 * limit - 1 : Infinity),
  },
  slidingCounter: {
    limits: windowOptions.map((options) => slidingCounter({ name, ...options })),
    bound: ({ limit, window }, micros) =>
      micros < window * 1_000 ? limit + (limit * micros) / (window * 1_000) : Infinity,
  },
  tokenBucket: {
    limits: fc
      .record({
        capacity: fc.integer({ min: 1, max: 12 }),
        refill: fc.integer({ min: 1, max: 12 }),
        interval: fc.integer({ min: 1, max: 50 }),
      })
      .map((options) => tokenBucket({ name, ...options })),
    bound: ({ limit, script }, micros) => limit + (micros * Number(script[3])) / Number(script[2]),
  },
  gcra: {
    limits: fc
      .record({
        limit: fc.integer({ min: 1, max: 100 }),
        window: fc.integer({ min: 1, max: 50 }),
        burst: fc.integer({ min: 1, max: 12 }),
      })
      .map((options) => gcra({ name, ...options })),
    bound: ({ limit, script }, micros) => limit + (micros * Number(script[3])) / Number(script[2]),
  },
}

const request = fc.record({
  windows: fc.constantFrom(0, 0, 0, 0, 0.01, 0.1, 0.45, 0.9, 1),
  micros: fc.constantFrom(0, 0, 0, 1, 7, 999, 1_000),
  maxCost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 })),
  spendWithin: fc.constantFrom(0, 0, 0, 500, 5_000, 60_000),
  spendAfter: fc.double({ min: 0, max: 1, noNaN: true }),
})

let sequences = 0

it.each(Object.keys(bounds))(
  `%s stays within its bound, with prefetched tokens too, in ${RUNS} random sequences`,
  { timeout: 600_000 },
  async (policy) => {
    const { limits, bound } = bounds[policy]!
    let tightest = 0
    await fc.assert(
      fc.asyncProperty(
        limits,
        fc.array(request, { minLength: 20, maxLength: 120 }),
        async (limit, requests) => {
          const clock = new ManualClock()
          const clientWithClock = withClock(clock, client)
          const key = `b${++sequences}`
          const spent = (
            await Promise.all(
              requests.map(
                async (
                  { windows, micros, maxCost, spendWithin, spendAfter },
                  i,
                ): Promise<Spend[]> => {
                  clock.micros += Math.floor(windows * limit.window * 1_000) + micros
                  const at = clock.micros
                  const verdict = await clientWithClock.run(
                    limitScripts([limit]).decide,
                    [key],
                    decideArgs(`t.${i}`, { minCost: 1, maxCost, spendWithin }, [limitArg(limit)]),
                  )
                  if (spendWithin === 0) return [{ at, cost: verdict.granted }]
                  // One of the prefetched tokens is spent at once, and the rest at any time before
                  // they expire.
                  return [
                    { at, cost: Math.min(1, verdict.granted) },
                    {
                      at: at + Math.floor(spendAfter * Math.max(0, verdict.spendWithin - 1)),
                      cost: verdict.granted - 1,
                    },
                  ]
                },
              ),
            )
          )
            .flat()
            .filter(({ cost }) => cost > 0)
            .sort((a, b) => a.at - b.at)
          await redis.del(key)
          for (let from = 0; from < spent.length; from++) {
            let sum = 0
            for (let to = from; to < spent.length; to++) {
              sum += spent[to]!.cost
              const allowed = bound(limit, spent[to]!.at - spent[from]!.at)
              if (sum > allowed)
                throw new Error(
                  `${sum} of at most ${allowed} in ${spent[to]!.at - spent[from]!.at} µs`,
                )
              tightest = Math.max(tightest, sum / allowed)
            }
          }
        },
      ),
      { numRuns: RUNS },
    )
    // The sequences reach the bound: a lower one would not hold.
    expect(tightest).toBeGreaterThan(0.9)
  },
)
