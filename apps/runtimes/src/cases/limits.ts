import assert from 'node:assert/strict'
import type { Limit } from '@cache/ratelimit'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
} from '@cache/ratelimit'
import type { Case, Stage } from '../stage.js'

const LIMIT = 7

/** Sends three times the limit from two processes at once. */
async function admitsExactly(stage: Stage, limit: Limit): Promise<void> {
  const processes = [1, 2].map(() =>
    createRateLimiter({
      client: stage.client(),
      prefix: 'limit',
      limits: [limit],
      deadline: '10s',
      onOutage: 'deny',
    }),
  )
  const decisions = await Promise.all(
    Array.from({ length: 3 * LIMIT }, (_, i) => processes[i % 2]!.consume('user')),
  )
  assert.deepEqual(
    decisions.filter(({ degraded }) => degraded),
    [],
  )
  const allowed = decisions.filter((decision) => decision.allowed)
  assert.equal(allowed.length, LIMIT)
  // One that is given back can be had once more.
  if (limit.policy === 'concurrency') await allowed[0]!.release()
  else assert.equal(await processes[1]!.refund(allowed[0]!), true)
  const fresh = createRateLimiter({ client: stage.client(), prefix: 'limit', limits: [limit] })
  assert.equal((await fresh.consume('user')).allowed, true)
  assert.equal((await fresh.consume('user')).allowed, false)
  for (const decision of allowed.slice(1)) await decision.release()
}

const limits: readonly Limit[] = [
  slidingWindow({ limit: LIMIT, window: '1d' }),
  slidingCounter({ limit: LIMIT, window: '1d' }),
  fixedWindow({ limit: LIMIT, window: '1d' }),
  tokenBucket({ capacity: LIMIT, refill: 1, interval: '1d' }),
  gcra({ limit: LIMIT, window: '7d', burst: LIMIT }),
  concurrency({ limit: LIMIT, ttl: '1m' }),
]

export const limiters: Record<string, Case> = Object.fromEntries(
  limits.map((limit) => [
    `ratelimit: ${limit.policy} admits exactly its limit from two processes`,
    (stage: Stage) => admitsExactly(stage, limit),
  ]),
)
