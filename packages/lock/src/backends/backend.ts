import type { LockInspection } from './holder.js'

/** A request for one lock. It exists from the first attempt to acquire until the release. */
export interface LockRequest {
  /** The name of the lock as the caller wrote it, for messages. */
  readonly name: string
  readonly key: string
  /** Identifies the request. No other request ever has the same token. */
  readonly token: string
  /** In ms. */
  readonly ttl: number
  /** A JSON description of the holder, which `inspect` reads. */
  readonly holderInfo: string
  readonly fair: boolean
}

export interface Granted {
  readonly held: true
  readonly fence: number
  /** When the lock ends unless it is extended, on the clock of `performance.now()`. */
  readonly deadline: number
  /**
   * Whether the lock was handed over to a waiter. It then ends before its ttl, unless it is
   * extended soon.
   */
  readonly handedOver?: boolean
}

export interface Busy {
  readonly held: false
  /** In ms: when a retry may help, if nobody wakes the waiter before. */
  readonly retryAfter: number
  /** The waiter's ticket. Pass it to the next attempt to keep the position in the queue. */
  readonly ticket: string
  /**
   * A number that is at least every fence of the lock so far. Only a hand-over with a higher fence
   * came after this reply. `undefined` if the backend does not hand locks over.
   */
  readonly highestFence?: number
}

/** A request that was granted. */
export interface GrantedRequest {
  readonly request: LockRequest
  readonly granted: Granted
}

/**
 * Stores locks of one kind: in one Redis, on several independent servers, or as permits.
 *
 * A call that gets no reply rejects. Redis may have executed it, may execute it later, or may never
 * execute it. A request that is executed twice, or after a later request of its token, changes
 * nothing. A token that was released is never granted anything again.
 */
export interface LockBackend {
  /** Whether each attempt needs a new token, because a token that is not granted is released. */
  readonly tokenPerAttempt: boolean
  newToken(): string
  /**
   * Tries to acquire the lock once.
   *
   * Without a ticket, the request does not wait in the queue, and a token that is not granted is
   * refused from then on. Pass `'0'` to get the first ticket.
   */
  acquire(request: LockRequest, ticket?: string): Promise<Granted | Busy>
  /**
   * Extends the lock to another `ttl` ms at least. Resolves to the new deadline, or to `undefined`
   * if the token does not hold the lock any more.
   */
  extend(request: LockRequest, fence: number, ttl: number): Promise<number | undefined>
  /**
   * Releases the lock, or leaves the queue. Resolves to whether the token held the lock.
   *
   * `longestTtl` is the longest ttl in ms that the token asked for.
   */
  release(request: LockRequest, longestTtl?: number): Promise<boolean>
  /**
   * Releases whatever the token may hold, or may get through a request that is still on its way. It
   * retries until Redis acknowledges the release, or would have dropped the lock by itself.
   * Resolves when the release is acknowledged. Never rejects.
   */
  abandon(request: LockRequest, longestTtl?: number): Promise<void>
  /**
   * Calls `wake` when the token can probably acquire, or with a fence when the lock was handed over
   * to it. Returns a function that stops listening.
   */
  listen(token: string, wake: (fence?: number) => void): () => void
}

/** A backend of locks that have names and one holder each. */
export interface NamedLockBackend extends LockBackend {
  /**
   * Acquires several locks at once under one token. Resolves to `undefined` if they are not all
   * free, or do not lie in one slot.
   */
  acquireAll?(requests: readonly LockRequest[]): Promise<readonly Granted[] | undefined>
  inspect(key: string): Promise<LockInspection | undefined>
  /** Releases the lock whoever holds it. Resolves to whether somebody held it. */
  forceRelease(key: string): Promise<boolean>
}
