import { InvalidKeyError, InvalidOptionError, channels } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { Decision } from '../decision.js'
import type { RateLimiter } from '../ratelimit.js'
import { UNKNOWN } from './address.js'

/**
 * Consumes for a request of which nobody knows what it brings. An id that is none (empty, too long,
 * with control characters) counts as that
 * of all unknown clients, and a cost that is none as 1; both are reported on `cache:error`.
 */
export async function consumeForRequest(
  limiter: RateLimiter,
  id: string,
  cost = 1,
): Promise<Decision> {
  return withKnownId(id, async (known) => {
    try {
      return await limiter.consume(known, { cost })
    } catch (error) {
      if (!(error instanceof InvalidOptionError) || cost === 1) throw error
      report(known, error)
      return limiter.consume(known)
    }
  })
}

/** What `use` makes of the id, or of that of all unknown clients where the id is none. */
export async function withKnownId<T>(id: string, use: (id: string) => Promise<T>): Promise<T> {
  try {
    return await use(id)
  } catch (error) {
    if (!(error instanceof InvalidKeyError) || id === UNKNOWN) throw error
    report(UNKNOWN, error)
    return use(UNKNOWN)
  }
}

function report(key: string, error: unknown): void {
  emit(channels.error, () => ({ operation: 'ratelimit', key, error }))
}
