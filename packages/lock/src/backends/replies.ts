import type { Reply } from '@cache/core'
import type { Busy, Granted } from './backend.js'
import { validityTime } from './timing.js'

export type AcquireReply =
  | Busy
  | {
      readonly held: true
      readonly fence: number
      /** In ms: what is left of a lock that was handed over. */
      readonly remaining?: number
    }

/** Parses the reply of `mutex/acquire.lua` or `permits/acquire.lua`. */
export function parseAcquireReply(reply: Reply): AcquireReply {
  if (typeof reply === 'string') return { held: true, fence: Number(reply) }
  const [first, second, highestFence] = reply as readonly [number | string, string | number, string]
  if (typeof first === 'string')
    return { held: true, fence: Number(first), remaining: Number(second) }
  return {
    held: false,
    // A key without a ttl was not written by a lock. The waiter polls it.
    retryAfter: first < 0 ? Infinity : first,
    ticket: String(second),
    highestFence: Number(highestFence),
  }
}

/** Returns the lock that a request for `ttl` ms was granted. It was sent at `sentAt`. */
export function grantedBy(
  { fence, remaining }: Exclude<AcquireReply, Busy>,
  sentAt: number,
  ttl: number,
): Granted {
  return remaining === undefined
    ? { held: true, fence, deadline: sentAt + validityTime(ttl) }
    : {
        held: true,
        fence,
        deadline: sentAt + validityTime(Math.min(ttl, remaining)),
        handedOver: true,
      }
}

export interface ReleaseReply {
  /** Whether the token held the lock. */
  readonly released: boolean
  /** The messages to the waiters that the lock was handed over to. */
  readonly messages: readonly string[]
}

/** Parses the reply of `mutex/release.lua` or `permits/release.lua`. */
export function parseReleaseReply(reply: Reply): ReleaseReply {
  if (!Array.isArray(reply)) return reply === 1 ? RELEASED : NOT_RELEASED
  const [released, ...messages] = reply as unknown as readonly [number, ...string[]]
  return { released: released === 1, messages }
}

const RELEASED: ReleaseReply = { released: true, messages: [] }
const NOT_RELEASED: ReleaseReply = { released: false, messages: [] }

export const isOne = (reply: Reply): boolean => reply === 1
