import { CacheError } from '@cache/core'

/**
 * The lock could not be acquired within `wait`. `cause` is the last error if Redis did not answer.
 */
export class LockTimeoutError extends CacheError {
  static override readonly kind: string = 'LockTimeoutError'
  constructor(
    /** The name of the lock, as the caller wrote it. */
    readonly lock: string,
    wait: number,
    cause?: unknown,
  ) {
    const problem = `Could not acquire the lock "${lock}" within ${wait} ms`
    super(
      cause === undefined
        ? `${problem}: others held it or came first. Raise "wait", or hold the lock for less time.`
        : `${problem}: Redis did not answer. Check that it is up and reachable, or raise "wait".`,
      { code: 'LOCK_TIMEOUT', cause },
    )
  }
}

/**
 * Why a holder lost its lock:
 *
 * - `'expired'`: no renewal was confirmed in time.
 * - `'taken'`: Redis says that this holder does not have it any more, because it was released by
 *   force, flushed or evicted.
 * - `'max-hold'`: it was held for `maxHold`.
 * - `'released'`: its holder released it.
 * - `'closed'`: the object it was acquired from was closed, which releases its locks.
 */
export type LostReason = 'expired' | 'taken' | 'max-hold' | 'released' | 'closed'

/**
 * The holder does not have the lock any more, and another may have it. `lock.signal` aborts with
 * this error.
 */
export class LockLostError extends CacheError {
  static override readonly kind: string = 'LockLostError'
  constructor(
    /** The name of the lock, as the caller wrote it. */
    readonly lock: string,
    readonly reason: LostReason,
    cause?: unknown,
  ) {
    super(`The lock "${lock}" is lost: ${explanations[reason]}`, { code: 'LOCK_LOST', cause })
  }
}

const explanations: Record<LostReason, string> = {
  expired:
    'no renewal was confirmed within its ttl. ' +
    'Stop the work that it protects. Another holder may have it by now.',
  taken:
    'Redis says that this holder does not have it any more. It was released by force, flushed or ' +
    'evicted. Stop the work that it protects.',
  'max-hold':
    'it was held for "maxHold", the longest time allowed. ' +
    'Stop the work that it protects. Raise "maxHold" if the work needs longer.',
  closed:
    'the object that it was acquired from was closed, which releases it. ' +
    'Stop the work that it protects. Call close() after all work is done.',
  released: 'its holder released it. Call assertHeld() and extend() before release().',
}
