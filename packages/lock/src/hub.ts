import type { CacheClient } from '@cache/core'
import { Renewals } from './renewals.js'
import { Wakeups } from './wakeups.js'

/** What all locks of a client share: one connection to be woken by, one round of renewals. */
export interface Hub {
  readonly wakeups: Wakeups
  readonly renewals: Renewals
  /** Closes it with the last that uses it. */
  leave(): Promise<void>
}

export function hubOf(client: CacheClient): Hub {
  let shared = hubs.get(client)
  if (!shared) hubs.set(client, (shared = { wakeups: new Wakeups(client), renewals: new Renewals(), users: 0 }))
  const { wakeups, renewals } = shared
  const mine = shared
  mine.users++
  return { wakeups, renewals, leave: async () => { if (--mine.users === 0) await wakeups.close() } }
}

interface Shared {
  readonly wakeups: Wakeups
  readonly renewals: Renewals
  users: number
}

const hubs = new WeakMap<CacheClient, Shared>()
