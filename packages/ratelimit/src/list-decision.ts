import { LimiterDecision } from './decision.js'
import type { Listing } from './lists.js'
import type { Limit } from './policies/limit.js'

export interface ListDecisionInput {
  readonly limits: readonly Limit[]
  readonly cost: number
  readonly shadow?: boolean
}

/**
 * Returns the decision on a request whose id is on a list. On the allow list, the whole cost is
 * granted and nothing is charged. On the deny list, the id is blocked without end.
 */
export function listDecision(listing: Listing, input: ListDecisionInput): LimiterDecision {
  const { limits, cost, shadow = false } = input
  const allowed = listing === 'allow'
  return new LimiterDecision({
    limits,
    source: 'list',
    shadow,
    free: allowed,
    verdict: {
      now: 0,
      granted: allowed ? cost : 0,
      wait: 0,
      spendWithin: 0,
      blockedFor: allowed ? 0 : Infinity,
      limits: limits.map(({ limit }) => ({
        available: limit,
        fullAfter: 0,
        readyAfter: 0,
        mark: 0,
      })),
    },
  })
}
