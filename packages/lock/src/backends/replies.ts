import type { Reply } from '@cache/core'
import type { Busy } from './backend.js'

export type AcquireReply = Busy | { readonly held: true; readonly fence: number }

export function parseAcquireReply(reply: Reply): AcquireReply {
  if (typeof reply === 'string') return { held: true, fence: Number(reply) }
  const [retryAfter, , ticket] = reply as [number, number, string]
  // A key without a ttl was not written by a lock. The waiter polls it.
  return { held: false, retryAfter: retryAfter < 0 ? Infinity : retryAfter, ticket }
}

export const isOne = (reply: Reply): boolean => reply === 1
