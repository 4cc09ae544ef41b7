import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
} from '../src/index.js'
import { Limiter } from '../src/limiter.js'
import { onEveryServer } from './matrix.js'
import { ManualClock, withClock } from './manual-clock.js'

const RUNS = process.env.CHAOS ? 1_000 : 60
const limits: Record<string, Limit> = {
  slidingWindow: slidingWindow({ name: 'a', limit: 7, window: 1_234 }),
  slidingCounter: slidingCounter({ name: 'a', limit: 7, window: 1_234 }),
  fixedWindow: fixedWindow({ name: 'a', limit: 7, window: 1_234 }),
  tokenBucket: tokenBucket({ name: 'a', capacity: 7, refill: 3, interval: 1_000 }),
  gcra: gcra({ name: 'a', limit: 7, window: 1_234, burst: 5 }),
}
let ids = 0

onEveryServer(({ newClient }) => {
  it.each([...Object.keys(limits), 'all together'])(
    `%s: a request is admitted at retryAfter and not 1 ms before, in ${RUNS} random sequences`,
    { timeout: 300_000 },
    async (name) => {
      const client = newClient()
      const tested =
        name === 'all together'
          ? Object.entries(limits).map(([policy, limit]) => ({ ...limit, name: policy }))
          : [limits[name]!]
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              advance: fc.integer({ min: 0, max: 900_000 }),
              cost: fc.integer({ min: 1, max: 5 }),
            }),
            { minLength: 3, maxLength: 15 },
          ),
          async (requests) => {
            const clock = new ManualClock()
            const limiter = new Limiter(
              {
                client: withClock(clock, client),
                prefix: 'r',
                limits: tested,
                deadline: '10s',
                onOutage: 'deny',
                denyCache: false,
              },
              clock,
            )
            const id = ++ids
            for (const { advance, cost } of requests) {
              clock.micros += advance
              const { allowed, retryAfter } = await limiter.consume(id, { cost })
              expect(allowed).toBe(retryAfter === 0)
              if (allowed) continue
              clock.micros += (retryAfter - 1) * 1_000
              const before = await limiter.peek(id, { cost })
              // Less than 1 ms was missing: retryAfter is rounded up to whole milliseconds.
              expect(before.allowed).toBe(false)
              expect(before.retryAfter).toBe(1)
              clock.micros += 1_000
              expect(await limiter.consume(id, { cost })).toMatchObject({ allowed: true })
            }
          },
        ),
        { numRuns: RUNS },
      )
    },
  )
})
