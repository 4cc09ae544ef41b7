import { beside } from '@cache/core/internal'

/** What stands beside a lock, in its Cluster slot. */
export interface LockKeys {
  readonly fence: string
  readonly queue: string
  readonly alive: string
  /** Of those that hold a permit. */
  readonly details: string
  /** What a token leaves behind when it has left. */
  receipt(token: string): string
}

export function keysBeside(key: string): LockKeys {
  const start = beside(key)
  return {
    fence: `${start}:fence`,
    queue: `${start}:queue`,
    alive: `${start}:alive`,
    details: `${start}:held`,
    receipt: (token) => `${start}:left:${token}`,
  }
}
