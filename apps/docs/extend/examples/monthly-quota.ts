import type { CacheClient } from '@cache/core'
import { createRateLimiter, fixedWindow, type Decision } from '@cache/ratelimit'

export interface MonthlyQuotaOptions {
  readonly client: CacheClient
  readonly prefix: string
  /** The cost that is allowed in a calendar month in UTC. */
  readonly limit: number
  /** The present time. Default `() => new Date()`. */
  readonly now?: () => Date
}

/**
 * Creates a quota for each calendar month in UTC: a fixed window, which begins with the
 * first charge and is longer than a month, and ids that contain the month.
 */
export function createMonthlyQuota({
  client,
  prefix,
  limit,
  now = () => new Date(),
}: MonthlyQuotaOptions) {
  const limiter = createRateLimiter({
    client,
    prefix,
    limits: [fixedWindow({ name: 'month', limit, window: '32d' })],
    onOutage: 'deny',
  })

  return {
    async consume(id: string, cost = 1): Promise<Decision> {
      const time = now()
      const decision = await limiter.consume([id, time.toISOString().slice(0, 7)], { cost })
      if (decision.allowed || decision.degraded) return decision
      const next = Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + 1)
      return { ...decision, retryAfter: next - time.getTime() }
    },
    refund: (decision: Decision) => limiter.refund(decision),
  }
}
