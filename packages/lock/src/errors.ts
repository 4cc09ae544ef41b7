import { CacheError } from '@cache/core'

/**
 * It was not to be had within `wait`. `cause`: what went wrong last, where Redis did not answer.
 */
export class LockTimeoutError extends CacheError {
  static override readonly kind: string = 'LockTimeoutError'
  constructor(
    /** As it was asked for. */
    readonly lock: string,
    wait: number,
    cause?: unknown,
  ) {
    const why =
      cause === undefined ? 'others held it, or were waiting before' : 'Redis did not answer'
    super(
      `The lock "${lock}" was not to be had within ${wait} ms: ${why}. Wait longer, or hold it for a shorter time.`,
      { code: 'LOCK_TIMEOUT', cause },
    )
  }
}

/**
 * Why a lock is not held any more. `'expired'`: no renewal was confirmed in time. `'taken'`: Redis
 * says that it is not this holder's (freed by force, flushed, evicted). `'max-hold'`: it was held
 * for `maxHold`. `'released'`: by its holder. `'closed'`: what it was acquired from was closed, and
 * gives it back.
 */
export type LostReason = 'expired' | 'taken' | 'max-hold' | 'released' | 'closed'

/** The lock is not this holder's any more; another may hold it. The reason of `lock.signal`. */
export class LockLostError extends CacheError {
  static override readonly kind: string = 'LockLostError'
  constructor(
    /** As it was asked for. */
    readonly lock: string,
    readonly reason: LostReason,
    cause?: unknown,
  ) {
    super(`The lock "${lock}" is lost: ${explanations[reason]}.`, { code: 'LOCK_LOST', cause })
  }
}

const explanations: Record<LostReason, string> = {
  expired:
    'its ttl passed without a confirmed renewal. Stop what it protects; another may hold it by now',
  taken:
    'Redis no longer has it as this holder’s (it was freed by force, flushed or evicted). Stop what it protects',
  'max-hold':
    'it was held for "maxHold", the longest that is allowed. Raise it for work that takes longer',
  closed:
    'what it was acquired from was closed, and gives it back. Stop what it protects, and close last',
  released: 'it was released. Ask before, not after',
}
