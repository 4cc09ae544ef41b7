import { hashTag } from '@cache/core'

/** What stands beside a lock, in its Cluster slot: `{K}:queue`, or `K:queue` where `K` carries a hash tag. */
export interface LockKeys {
  readonly fence: string
  readonly queue: string
  readonly alive: string
}

export function keysBeside(key: string): LockKeys {
  const start = hashTag(key) === undefined ? `{${key}}` : key
  return { fence: `${start}:fence`, queue: `${start}:queue`, alive: `${start}:alive` }
}
