import { createRateLimiter, fixedWindow, gcra, slidingWindow, tokenBucket } from '@cache/ratelimit'
import { now } from '../clock.js'
import type { WorkloadContext, Workload } from './workload.js'

const IDS = 2

/** One policy for each algorithm. `verifiers/limits.ts` models what each of them allows. */
export const policies = {
  slidingWindow: slidingWindow({ name: 'slidingWindow', limit: 20, window: 2_000 }),
  fixedWindow: fixedWindow({ name: 'fixedWindow', limit: 20, window: 2_000 }),
  tokenBucket: tokenBucket({ name: 'tokenBucket', capacity: 15, refill: 5, interval: 1_000 }),
  gcra: gcra({ name: 'gcra', limit: 10, window: 1_000, burst: 12 }),
} as const

export type Policy = keyof typeof policies

/** Requests more than the limits allow, with costs of 1 to 3. */
export function ratelimit(context: WorkloadContext): Workload {
  const { client, random, reporter } = context
  const names = Object.keys(policies) as Policy[]
  const limiters = new Map(
    names.map((name) => [
      name,
      createRateLimiter({
        client,
        prefix: `limit-${name}`,
        limits: [policies[name]],
        onOutage: 'deny',
        denyCache: false,
      }),
    ]),
  )

  return {
    async step() {
      const policy = random.pick(names)
      const [id, cost] = [String(random.between(0, IDS - 1)), random.between(1, 3)]
      const decision = { type: 'decision', policy, id, cost, requested: now() } as const
      // Until there is an answer it may be charged, even if this process is killed.
      const answer = limiters.get(policy)!.consume(id, { cost })
      const { allowed, degraded } = await answer
      const outcome = degraded ? 'unknown' : allowed ? 'admitted' : 'denied'
      reporter.add({ ...decision, outcome, answered: now() })
      reporter.count(`ratelimit: ${outcome}`)
    },
    close: async () => undefined,
  }
}
