/** In ms: the time between two attempts of a waiter that nobody wakes. */
export const POLL_INTERVAL = 1_000

/** In ms: how long a waiter that stopped polling keeps its position in the queue. */
export const WAITER_TTL = 3 * POLL_INTERVAL

/** In ms: how long the queue of a lock is kept after a waiter polled. */
export const QUEUE_TTL = 10 * POLL_INTERVAL

/**
 * In ms: how long the tombstone of a released token is kept. Requests that reach Redis later than
 * this are not expected.
 */
export const TOMBSTONE_TTL = 60_000

/**
 * In ms: how long the last fence of a name is stored. After that, or after a flush, fences rely on
 * the server's clock alone.
 */
export const FENCE_TTL = 10 * 60_000

/**
 * Returns the part of a ttl in ms that a holder may rely on.
 *
 * The margin covers clocks that run at different speeds, and the timer that aborts a signal, which
 * fires late in a process that is short of CPU. It is a twentieth of the ttl, at most one second,
 * plus a thousandth of a long ttl.
 */
export function validityTime(ttl: number): number {
  return Math.max(ttl / 2, ttl - 5 - Math.min(ttl / 20, 1_000 + ttl / 1_000))
}

/** Returns the ttl, in whole ms, whose `validityTime` is at least `ms`. */
export function ttlForValidity(ms: number): number {
  return Math.max(1, Math.ceil(Math.min(2 * ms, (ms + 5) / 0.95, (ms + 1_005) / 0.999)))
}

/**
 * Returns how long in ms to wait for the reply to an extension. It leaves time for further attempts
 * within the ttl.
 */
export function renewalTimeout(ttl: number): number {
  return Math.max(20, Math.min(1_000, Math.round(ttl / 5)))
}
