import { beside } from '@cache/core/internal'

/** The keys that belong to a lock. They lie in the same Cluster slot. */
export interface CompanionKeys {
  readonly fence: string
  /** The waiters for a lock, by ticket. */
  readonly waiters: string
  /** The waiters for a permit, by ticket. */
  readonly queue: string
  /** Until when each waiter for a permit counts as alive. */
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
    waiters: `${start}:waiters`,
    queue: `${start}:queue`,
    alive: `${start}:alive`,
    details: `${start}:held`,
    tombstone: (token) => `${start}:left:${token}`,
  }
}
