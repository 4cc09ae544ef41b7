import type { Reply } from '@cache/core'
import type { Busy } from './backend.js'

export type AcquireReply =
  | Busy
  | {
      readonly held: true
      readonly fence: number
      /** In ms: what is left of a lock that was handed over. */
      readonly remaining?: number
    }

/** Parses the reply of `mutex/acquire.lua`. */
export function parseLockReply(reply: Reply): AcquireReply {
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

/** Parses the reply of `permits/acquire.lua`. */
export function parsePermitReply(reply: Reply): AcquireReply {
  if (typeof reply === 'string') return { held: true, fence: Number(reply) }
  const [retryAfter, , ticket] = reply as [number, number, string]
  return { held: false, retryAfter, ticket }
}

export const isOne = (reply: Reply): boolean => reply === 1
