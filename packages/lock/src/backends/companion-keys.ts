import { beside } from '@cache/core/internal'

/** The keys that belong to a lock. They lie in the same Cluster slot. */
export interface CompanionKeys {
  readonly fence: string
  /** The waiters, by ticket. */
  readonly waiters: string
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
    details: `${start}:held`,
    tombstone: (token) => `${start}:left:${token}`,
  }
}

/** Returns the keys of one lock, in the order of the scripts that acquire and release. */
export function lockKeys(key: string, token: string): string[] {
  const { fence, tombstone, waiters } = companionKeys(key)
  return [key, fence, tombstone(token), waiters]
}
