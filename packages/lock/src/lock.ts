import type { Duration } from '@cache/core'

/**
 * A lock that is held. Its deadline is reckoned by the monotonic clock of this process, from before
 * the request left that Redis granted, and less a margin for clocks of different speed: who asks
 * this object knows of the loss before another can have the lock.
 */
export interface Lock extends AsyncDisposable {
  readonly name: string
  /**
   * A number above that of every earlier holder of the name, also after expiry, FLUSHALL or a
   * restart. Send it along with each write, and let the store refuse a write with a lower one than
   * it has seen.
   *
   * Source: https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html
   */
  readonly fence: number
  /**
   * Aborts with `LockLostError` as soon as the lock may be somebody else's, also while Redis is
   * silent.
   */
  readonly signal: AbortSignal
  /** Ms until the deadline; 0 when it is lost or released. */
  readonly remaining: number
  /**
   * Call it right before what must not happen twice: it looks at the clock, so it tells the truth
   * also after the process was blocked or paused, when no timer has fired yet.
   *
   * @throws {LockLostError}
   */
  assertHeld(): void
  /**
   * Holds it for another `ttl` from now (by default what it was acquired with, never beyond
   * `maxHold`).
   *
   * @throws {LockLostError} when it is not ours any more; with core's errors when Redis does not
   * answer: then it is held until its old deadline.
   */
  extend(ttl?: Duration): Promise<void>
  /**
   * Gives it back. `false`: it was not ours any more. Rejects when Redis does not answer: then it
   * is given back as soon as Redis does, or ends with its ttl.
   */
  release(): Promise<boolean>
  /** As `release`, and never rejects: for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}
