import { channels } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { LimiterDecision } from './decision.js'

/** Publishes a decision on the channel `cache:ratelimit`, and returns it. */
export function emitDecision(key: string, decision: LimiterDecision): LimiterDecision {
  emit(channels.ratelimit, () => ({
    id: key,
    allowed: decision.violated.length === 0 && decision.blockedFor === 0,
    degraded: decision.degraded,
  }))
  return decision
}
