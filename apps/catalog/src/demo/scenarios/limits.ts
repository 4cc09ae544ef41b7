import { setTimeout as sleep } from 'node:timers/promises'
import {
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
} from '@cache/ratelimit'
import type { CatalogEnvironment } from '../environment.js'
import type { Log } from '../log.js'
import { runLoops } from '../run-loops.js'
import type { Check, ScenarioResult } from './scenario.js'

const LIMIT = 20
const WINDOW_MS = 1_000
const SECONDS = 2

/**
 * Sends a burst far over the limit to each policy, through both clients. Compares the number of
 * admitted requests with the limit that the policy guarantees.
 */
export async function limits({ connect }: CatalogEnvironment, log: Log): Promise<ScenarioResult> {
  log(
    `bursts far over the limit of ${LIMIT} per second against each rate limit policy, for ` +
      `${SECONDS} s, through both clients`,
  )
  const clients = await connect()
  const shape = { name: 'burst', limit: LIMIT, window: WINDOW_MS }
  const policies: readonly {
    readonly limit: Limit
    readonly most: number
    readonly bound: string
  }[] = [
    { limit: slidingWindow(shape), most: LIMIT, bound: `${LIMIT} in any second` },
    {
      limit: slidingCounter(shape),
      most: 2 * LIMIT - 1,
      bound: `less than ${2 * LIMIT} in any second`,
    },
    {
      limit: fixedWindow(shape),
      most: 2 * LIMIT - 1,
      bound: `less than ${2 * LIMIT} in any second`,
    },
    {
      limit: tokenBucket({ name: 'burst', capacity: LIMIT, refill: LIMIT, interval: WINDOW_MS }),
      most: 2 * LIMIT,
      bound: `${LIMIT} and ${LIMIT} a second`,
    },
    {
      limit: gcra({ name: 'burst', limit: LIMIT, window: WINDOW_MS, burst: LIMIT }),
      most: 2 * LIMIT,
      bound: `${LIMIT} and ${LIMIT} a second`,
    },
  ]
  const checks: Check[] = []
  for (const { limit, most, bound } of policies) {
    const limiters = clients.map(({ client }) =>
      createRateLimiter({
        client,
        prefix: limit.policy,
        limits: [limit],
        denyCache: false,
        deadline: '2s',
      }),
    )
    const admitted: number[] = []
    let requests = 0
    await runLoops(8, SECONDS * 1_000, async (i) => {
      requests++
      const { allowed } = await limiters[i % 2]!.consume('client')
      // The decision was made slightly earlier. The delay is about the same for all requests, so
      // the intervals between them are right.
      if (allowed) admitted.push(performance.now())
      await sleep(1)
    })
    const busiest = Math.max(
      ...admitted.map(
        (from, i) => admitted.slice(i).filter((at) => at < from + WINDOW_MS - TOLERANCE_MS).length,
      ),
    )
    checks.push({
      description:
        `${limit.policy}: ${admitted.length} of ${requests} requests were admitted, ` +
        `at most ${busiest} in a second (guaranteed: ${bound})`,
      passed: busiest <= most && admitted.length >= LIMIT,
    })
  }
  for (const { close } of clients) await close()
  return { rows: [], checks }
}

/** An upper bound for the time that a reply is on its way. */
const TOLERANCE_MS = 100
