import type { Reply } from '@cache/core'
import type { Busy } from './backend.js'

export type Acquired = Busy | { readonly held: true; readonly fence: number }

export function parseAcquired(reply: Reply): Acquired {
  if (typeof reply === 'string') return { held: true, fence: Number(reply) }
  // Without a ttl of its own the lock was not made by us: look again in a while.
  const [again, , ticket] = reply as [number, number, string]
  return { held: false, again: again < 0 ? Infinity : again, ticket }
}

export const one = (reply: Reply): boolean => reply === 1
