import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import {
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
} from '@cache/ratelimit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { loops } from '../checker.js'
import type { Stage } from '../stage.js'
import type { Outcome } from './outcome.js'

const LIMIT = 20
const WINDOW_MS = 1_000
const SECONDS = 2

/**
 * A burst far over the limit against each policy, through both clients; what was admitted, beside
 * what the policy promises.
 */
export async function limits({ redis }: Stage, tell: (what: string) => void): Promise<Outcome> {
  tell(
    `bursts against each rate limit policy: ${LIMIT} a second, asked for far more, for ${SECONDS} s, through both clients`,
  )
  const raw = new Redis(redis.url)
  const other = createClient({ url: redis.url })
  const clients = [
    createCacheClient(ioredisDriver(raw), { namespace: 'demo' }),
    createCacheClient(nodeRedisDriver(other), { namespace: 'demo' }),
  ]
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
  const expectations: { what: string; holds: boolean }[] = []
  for (const { limit, most, bound } of policies) {
    const limiters = clients.map((client) =>
      createRateLimiter({
        client,
        prefix: limit.policy,
        limits: [limit],
        denyCache: false,
        deadline: '2s',
      }),
    )
    const admitted: number[] = []
    let asked = 0
    await loops(8, SECONDS * 1_000, async (i) => {
      asked++
      const { allowed } = await limiters[i % 2]!.consume('client')
      // When it was decided lies a little before; the interval between two is as much too long for
      // one as for the other, or so.
      if (allowed) admitted.push(performance.now())
      await sleep(1)
    })
    const busiest = Math.max(
      ...admitted.map(
        (from, i) => admitted.slice(i).filter((at) => at < from + WINDOW_MS - TOLERANCE_MS).length,
      ),
    )
    expectations.push({
      what: `${limit.policy}: of ${asked} requests ${admitted.length} were admitted, at most ${busiest} in a second (promised: ${bound})`,
      holds: busiest <= most && admitted.length >= LIMIT,
    })
  }
  for (const client of clients) await client.close()
  raw.disconnect()
  other.destroy()
  return { rows: [], expectations }
}

/** What the way of an answer may take. */
const TOLERANCE_MS = 100
