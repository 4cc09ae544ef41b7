import { InvalidKeyError, InvalidOptionError, channels } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { Decision } from '../decision.js'
import type { Limit } from '../policies/limit.js'
import type { RateLimiter } from '../rate-limiter.js'
import { UNKNOWN_ID } from './address.js'

/**
 * Consumes for a request whose id and cost come from outside. An invalid id (empty, too long, with
 * control characters) counts as the id of all unknown clients, and an invalid cost counts as 1.
 * Both are reported on `cache:error`. The `limits` must be valid.
 */
export async function consumeForRequest(
  limiter: RateLimiter,
  id: string,
  cost = 1,
  limits?: readonly Limit[],
): Promise<Decision> {
  return withValidId(id, async (validId) => {
    try {
      return await limiter.consume(validId, { cost, limits })
    } catch (error) {
      if (!(error instanceof InvalidOptionError) || cost === 1) throw error
      report(validId, error)
      return limiter.consume(validId, { limits })
    }
  })
}

/** Calls `use` with the id, or with the id of all unknown clients if the id is invalid. */
export async function withValidId<T>(id: string, use: (id: string) => Promise<T>): Promise<T> {
  try {
    return await use(id)
  } catch (error) {
    if (!(error instanceof InvalidKeyError) || id === UNKNOWN_ID) throw error
    report(UNKNOWN_ID, error)
    return use(UNKNOWN_ID)
  }
}

function report(key: string, error: unknown): void {
  emit(channels.error, () => ({ operation: 'ratelimit', key, error }))
}
