import { channels } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { LimiterDecision } from './decision.js'

/** Publishes a decision of a limiter on the channel `cache:ratelimit`, and returns it. */
export function emitDecision(
  prefix: string,
  key: string,
  decision: LimiterDecision,
): LimiterDecision {
  emit(channels.ratelimit, () => {
    const [policy] = decision.violated
    return {
      prefix,
      id: key,
      allowed: policy === undefined && decision.blockedFor === 0,
      degraded: decision.degraded,
      ...(policy !== undefined && { policy }),
    }
  })
  return decision
}
