import type { Duration, KeyPart } from '@cache/core'
import type { Decision, Receipt } from './decision.js'
import type { Limit } from './policies/limit.js'

/**
 * Whose requests are limited: the id of a user, an address, or an array of several key parts. Any
 * text that users send is safe, because parts are escaped.
 */
export type Id = KeyPart | readonly KeyPart[]

export interface LimitsOptions {
  /**
   * The limits of this request instead of the limiter's own, such as those of a customer's plan.
   * They need the names, the policies and (except for buckets) the windows of the limiter's limits,
   * in the same order, because they use the same states. Default: the limiter's own.
   *
   * What an id has consumed stays when its limits change: a window compares what it has counted
   * with the new limit, and a bucket stays as far from full as it was, in time.
   */
  readonly limits?: readonly Limit[] | undefined
}

export interface CostOptions extends LimitsOptions {
  /**
   * The weight of the request: a whole number of at least 0. Default 1. A cost of 0 is allowed and
   * charges nothing. A cost above a limit is denied and not `satisfiable`.
   */
  readonly cost?: number
}

export interface ReserveOptions extends CostOptions {
  /**
   * The longest wait that you accept. If the wait would be longer, the request is denied and
   * charged nothing. Default 1 minute.
   */
  readonly maxWait?: Duration
}

export interface Reservation extends Decision {
  /** Milliseconds to wait before you do what you reserved. */
  readonly wait: number
}

/**
 * Decides whether requests are allowed. It guarantees:
 *
 * - All limits are checked and charged together, in one atomic step and one round trip. A denied
 *   request is charged nothing.
 * - The clock of the Redis server decides, never the clock of a host.
 * - Each policy stays within its bound, from however many processes.
 * - Every key has a ttl.
 * - A decision arrives within the deadline, whether Redis is up or down.
 *
 * Calls reject only with `InvalidKeyError` or `InvalidOptionError` for wrong arguments; `refund`,
 * `reset`, `block` and `unblock` also reject if Redis does not answer.
 */
export interface RateLimiter {
  readonly prefix: string
  readonly limits: readonly Limit[]
  /** Charges the cost if every limit admits it. */
  consume(id: Id, options?: CostOptions): Promise<Decision>
  /** Returns what `consume` would decide now, and charges nothing. */
  peek(id: Id, options?: CostOptions): Promise<Decision>
  /**
   * Charges as much as is available, up to `most`. `granted` is the charge. The request is denied
   * if nothing is available.
   */
  consumeUpTo(id: Id, most: number, options?: LimitsOptions): Promise<Decision>
  /**
   * Books the next turn, to pace calls that you make. `wait` says how long to wait for it. Rejects
   * if the limiter has concurrency limits. A request of a blocked id is denied, however long it
   * could wait.
   */
  reserve(id: Id, options?: ReserveOptions): Promise<Reservation>
  /**
   * Gives back the charge of a decision and resolves with `true`. Resolves with `false` if the
   * charge no longer counts or was refunded before: a charge is refunded once, whichever process
   * asks and however often. A bucket gets back at most what has not come back by itself.
   *
   * Rejects if Redis does not answer.
   *
   * @throws {InvalidOptionError} for a receipt of another limiter, and for one that does not match
   * its signature (`receiptSecrets`).
   */
  refund(decision: Decision | Receipt): Promise<boolean>
  /**
   * Deletes what an id has consumed. Concurrency slots stay with their holders, and a block stays
   * until `unblock`. Rejects if Redis does not answer.
   */
  reset(id: Id): Promise<void>
  /**
   * Denies every request of an id for a time, in all processes, whatever its limits say. From when
   * the promise resolves, no process allows one, except that another process can spend the tokens
   * that it has prefetched (`prefetch`) until their `ttl` ends.
   *
   * Requests that were allowed before keep their slots. A second call replaces the first, also with
   * a shorter time. Nothing but `unblock` ends a block early: no `consume`, `refund` or `reset`.
   * The server's clock measures the time. Rejects if Redis does not answer.
   *
   * @param duration How long the id is blocked: up to ten years.
   * @throws {InvalidOptionError} for an invalid duration, naming `for`.
   * @example if (failedLogins > 20) await limiter.block(address, '1h')
   */
  block(id: Id, duration: Duration): Promise<void>
  /**
   * Ends the block of an id. What it has consumed still counts. Another process can repeat a cached
   * denial for the `maxAge` of its `denyCache`. Rejects if Redis does not answer.
   */
  unblock(id: Id): Promise<void>
}
