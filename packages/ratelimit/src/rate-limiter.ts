import type { Duration, KeyPart } from '@cache/core'
import type { Decision, Receipt } from './decision.js'
import type { Limit } from './policies.js'

/**
 * Whose requests are limited: the id of a user, an address, or an array of several key parts. Any
 * text that users send is safe, because parts are escaped.
 */
export type Id = KeyPart | readonly KeyPart[]

export interface CostOptions {
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
 * Calls reject only with `InvalidKeyError` or `InvalidOptionError` for wrong arguments; `refund`
 * and `reset` also reject if Redis does not answer.
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
  consumeUpTo(id: Id, most: number): Promise<Decision>
  /**
   * Books the next turn, to pace calls that you make. `wait` says how long to wait for it. Rejects
   * if the limiter has concurrency limits.
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
   * Deletes what an id has consumed. Concurrency slots stay with their holders. Rejects if Redis
   * does not answer.
   */
  reset(id: Id): Promise<void>
}
