import { CacheError } from '@cache/core'

/**
 * The claim of an Idempotency-Key is lost: Redis has not confirmed a renewal within `claimTtl`, or
 * another run has taken over. `context.signal` aborts with this error.
 */
export class ClaimLostError extends CacheError {
  static override readonly kind: string = 'ClaimLostError'
  constructor(key: string, reason: 'expired' | 'taken') {
    const cause =
      reason === 'expired'
        ? 'no renewal was confirmed within "claimTtl". Another request can run the handler now'
        : 'another run has taken over, or the key was deleted'
    super(`The claim "${key}" is lost: ${cause}. Stop what the request has begun.`, {
      code: 'CLAIM_LOST',
      key,
    })
  }
}
