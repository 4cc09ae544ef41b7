import { beside } from '@cache/core'

/** What stands beside a lock, in its Cluster slot. */
export interface LockKeys {
  readonly fence: string
  readonly queue: string
  readonly alive: string
}

export function keysBeside(key: string): LockKeys {
  const start = beside(key)
  return { fence: `${start}:fence`, queue: `${start}:queue`, alive: `${start}:alive` }
}
