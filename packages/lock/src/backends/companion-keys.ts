import { beside } from '@cache/core/internal'

/** The keys that belong to a lock. They lie in the same Cluster slot. */
export interface CompanionKeys {
  readonly fence: string
  /** The waiters, by ticket. */
  readonly queue: string
  /** Until when each waiter counts as alive. */
  readonly alive: string
  /** The details of those that hold a permit. */
  readonly details: string
  /** Marks a token that was released or refused. */
  tombstone(token: string): string
}

export function companionKeys(key: string): CompanionKeys {
  const start = beside(key)
  return {
    fence: `${start}:fence`,
    queue: `${start}:queue`,
    alive: `${start}:alive`,
    details: `${start}:held`,
    tombstone: (token) => `${start}:left:${token}`,
  }
}
