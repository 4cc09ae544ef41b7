import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Decision,
} from '@cache/ratelimit'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

/** What the process is started with. */
export interface Start {
  readonly url: string
  readonly client: 'ioredis' | 'node-redis'
}

/** What the process does: consume from all policies, hold a slot, or take and release a slot. */
export type Order =
  | {
      readonly do: 'burst'
      /** Milliseconds. */
      readonly minDuration: number
      readonly minRequests: number
      readonly inFlight: number
    }
  | { readonly do: 'hold' }
  | { readonly do: 'try' }
/**
 * The result of a burst. `admitted` has the server's times of the charges of each policy, in µs.
 */
export interface Burst {
  readonly type: 'burst'
  readonly clock: number
  readonly sent: number
  readonly degraded: number
  readonly admitted: Readonly<Record<string, readonly number[]>>
}

const LIMIT = 20
const WINDOW = 300

const name = 'a'
const policies = {
  slidingWindow: slidingWindow({ name, limit: LIMIT, window: WINDOW }),
  slidingCounter: slidingCounter({ name, limit: LIMIT, window: WINDOW }),
  fixedWindow: fixedWindow({ name, limit: LIMIT, window: WINDOW }),
  tokenBucket: tokenBucket({ name, capacity: LIMIT, refill: LIMIT, interval: WINDOW }),
  gcra: gcra({ name, limit: LIMIT, window: WINDOW, burst: 5 }),
}

const child = childProcess<Start>()
const { url, client: library } = child.data
const driver =
  library === 'ioredis' ? ioredisDriver(new Redis(url)) : nodeRedisDriver(createClient({ url }))
const client = createCacheClient(driver)
const limiters = Object.entries(policies).map(
  ([policy, limit]) =>
    [
      policy,
      createRateLimiter({
        client,
        prefix: policy,
        limits: [limit],
        deadline: '30s',
        onOutage: 'deny',
        denyCache: child.index % 2 === 0 ? {} : false,
      }),
    ] as const,
)
const slots = createRateLimiter({
  client,
  prefix: 'slots',
  limits: [concurrency({ name, limit: 1, ttl: 1_000 })],
  deadline: '30s',
  onOutage: 'deny',
})
const held: Decision[] = []

await Promise.all(limiters.map(([, limiter]) => limiter.peek('warm')))
await child.say({ type: 'ready' })
for (;;) {
  const order = await child.next<Order>(undefined, { timeout: 60_000 })
  if (order.do === 'burst') await child.say(await burst(order))
  else {
    const decision = await slots.consume('u')
    if (order.do === 'hold') held.push(decision)
    else await decision.release()
    await child.say({ type: order.do, allowed: decision.allowed })
  }
}

async function burst({
  minDuration,
  minRequests,
  inFlight,
}: Extract<Order, { do: 'burst' }>): Promise<Burst> {
  const admitted: Record<string, number[]> = {}
  let sent = 0
  let degraded = 0
  const until = performance.now() + minDuration
  await Promise.all(
    limiters.flatMap(([policy, limiter]) =>
      Array.from({ length: inFlight }, async () => {
        const times = (admitted[policy] ??= [])
        while (performance.now() < until || sent < minRequests) {
          sent++
          const decision = await limiter.consume('u')
          if (decision.degraded) degraded++
          if (decision.receipt) times.push(decision.receipt.at)
          // A cached denial is returned at once. The pause lets others run.
          if (decision.source === 'cache') await new Promise((resolve) => setTimeout(resolve, 1))
        }
      }),
    ),
  )
  return { type: 'burst', clock: Date.now(), sent, degraded, admitted }
}
