import type { Reply } from '@cache/core'
import type { Busy } from './ground.js'

export type Acquired = Busy | { readonly held: true; readonly fence: number }

export function parseAcquired(reply: Reply): Acquired {
  const [status, first, , ticket] = reply as [string, string | number, number, string]
  if (status === 'held') return { held: true, fence: Number(first) }
  // Without a ttl of its own the lock was not made by us: look again in a while.
  const again = Number(first)
  return { held: false, again: again < 0 ? Infinity : again, ticket }
}

export const one = (reply: Reply): boolean => reply === 1
