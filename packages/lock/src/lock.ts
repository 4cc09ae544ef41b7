import type { Duration } from '@cache/core'

/**
 * A lock that this process holds.
 *
 * It has a deadline on the monotonic clock of the process. The deadline counts from before the
 * granting request was sent, and has a margin for clocks of different speed. So this object reports
 * the loss of the lock before any other holder can have it.
 */
export interface Lock extends AsyncDisposable {
  readonly name: string
  /**
   * The fencing token: a number above that of every earlier holder of the name, also across expiry,
   * FLUSHALL and restarts. Send it with each write, and let the store reject a write whose fence is
   * lower than one it has seen.
   *
   * Source: https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
   */
  readonly fence: number
  /**
   * Aborts with `LockLostError` as soon as another holder may have the lock, also while Redis is
   * silent.
   */
  readonly signal: AbortSignal
  /** In ms: the time until the deadline. 0 once the lock is lost or released. */
  readonly remaining: number
  /**
   * Checks that the lock is held. Call it right before a step that must not happen twice. It reads
   * the clock, so it is right even after the process was blocked or paused and no timer has fired
   * yet.
   *
   * @throws {LockLostError} If the lock is lost or released.
   */
  assertHeld(): void
  /**
   * Holds the lock for another `ttl` from now, but never beyond `maxHold`. The default is the ttl
   * that it was acquired with.
   *
   * @throws {LockLostError} If the lock is lost or released.
   * @throws {CacheError} If Redis does not answer. The lock is then held until its old deadline.
   */
  extend(ttl?: Duration): Promise<void>
  /**
   * Releases the lock. Resolves to `false` if it was already lost. Rejects if Redis does not
   * answer. The lock is then released as soon as Redis answers, or ends with its ttl.
   */
  release(): Promise<boolean>
  /** Releases the lock like `release`, but never rejects. `await using` calls it. */
  [Symbol.asyncDispose](): Promise<void>
}
