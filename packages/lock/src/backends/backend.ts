/** One wish for a lock, from the first attempt to the release. */
export interface Claim {
  /** As the caller wrote it, for messages. */
  readonly name: string
  readonly key: string
  /** Nobody else has it, and nobody will. */
  readonly token: string
  /** Ms. */
  readonly ttl: number
  /** What `inspect` shows of the holder. */
  readonly about: string
  readonly fair: boolean
}

export interface Granted {
  readonly held: true
  readonly fence: number
  /** By `performance.now()`: when it ends unless it is extended. */
  readonly deadline: number
}

/** What was granted, and to which token. */
export interface GrantedClaim {
  readonly claim: Claim
  readonly granted: Granted
}

export interface Busy {
  readonly held: false
  /** Ms after which asking again may help, if nobody wakes the waiter before. */
  readonly again: number
  /** What to show when asking again, to keep the place in the queue. */
  readonly ticket: string
}

/**
 * Where locks of one kind live: in one Redis, in several independent ones, as permits. What gets no
 * answer rejects, and may or may not have been done, or is done later. A step that is done twice,
 * or behind a later one of its token, changes nothing; a token that has left is never granted
 * anything again.
 */
export interface Ground {
  /** Whether each attempt needs a token of its own, since one that is not granted has left. */
  readonly tokenPerAttempt: boolean
  newToken(): string
  /**
   * Without a ticket it does not wait in the queue, and a token that gets nothing has left; `'0'`
   * is the first one.
   */
  take(claim: Claim, ticket?: string): Promise<Granted | Busy>
  /**
   * Lets it live for another `ttl` ms at least. Answers with the new deadline; `undefined`: it is
   * not the token's any more.
   */
  extend(claim: Claim, fence: number, ttl: number): Promise<number | undefined>
  /**
   * Gives back the lock, or the place in the queue. Whether the lock was the token's. `longest`:
   * ms, the longest ttl it asked for.
   */
  leave(claim: Claim, longest?: number): Promise<boolean>
  /**
   * Gives back what the token may have, or may get by a request that is still on its way: again and
   * again, until Redis has acknowledged it, or would have dropped it by itself. Resolves once it is
   * acknowledged; never rejects.
   */
  abandon(claim: Claim, longest?: number): Promise<void>
  /** Calls `wake` when it may be the token's turn, until what it returns is called. */
  listen(token: string, wake: () => void): () => void
}

/**
 * Ms of a ttl that may be relied on: clocks run at different speeds, and the timer that aborts a
 * signal fires late in a process that is short of CPU. A twentieth, at most a second; a thousandth
 * more where the ttl is long.
 */
export function safe(ttl: number): number {
  return Math.max(ttl / 2, ttl - 5 - Math.min(ttl / 20, 1_000 + ttl / 1_000))
}

/** The ttl, in whole ms, of which `ms` may be relied on. */
export function reliableFor(ms: number): number {
  return Math.max(1, Math.ceil(Math.min(2 * ms, (ms + 5) / 0.95, (ms + 1_005) / 0.999)))
}

/**
 * How long to wait for the answer to an extension, so that there is time for others within the ttl.
 */
export function renewalTimeout(ttl: number): number {
  return Math.max(20, Math.min(1_000, Math.round(ttl / 5)))
}

/** Ms between two questions of a waiter that nobody wakes. */
export const POLL = 1_000

/** Ms for which a waiter that asks no more keeps its place. */
export const PLACE_TTL = 3 * POLL

/**
 * Ms for which a token that has left is remembered: requests that Redis gets later than this are
 * not expected.
 */
export const RECEIPT_TTL = 60_000

/**
 * Ms for which the last fence of a name is remembered; beyond, and where it was flushed, the
 * server's clock alone is relied on.
 */
export const FENCE_MEMORY = 10 * 60_000

/** Node's, in ms. */
export const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Of each request that changes something for a token: a copy of it has its number, and one that was
 * sent before it a lower one.
 */
export function nextStep(): string {
  return String(++steps)
}

let steps = 0
