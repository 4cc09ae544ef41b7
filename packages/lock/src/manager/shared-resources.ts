import type { CacheClient } from '@cache/core'
import { AbandonedClaims } from './abandoned-requests.js'
import { Renewals } from './renewals.js'
import { Wakeups } from './wakeups.js'

/**
 * What all locks of a client share: one connection to be woken by, one round of renewals, what is
 * still to be given back.
 */
export interface Hub {
  readonly wakeups: Wakeups
  readonly renewals: Renewals
  readonly abandoned: AbandonedClaims
  /** Closes it with the last that uses it. */
  leave(): Promise<void>
}

export function hubOf(client: CacheClient): Hub {
  let shared = hubs.get(client)
  if (!shared)
    hubs.set(
      client,
      (shared = {
        wakeups: new Wakeups(client),
        renewals: new Renewals(),
        abandoned: new AbandonedClaims(),
        users: 0,
      }),
    )
  const { wakeups, renewals, abandoned } = shared
  const mine = shared
  mine.users++
  const leave = async (): Promise<void> => {
    if (--mine.users > 0) return
    hubs.delete(client)
    await Promise.all([wakeups.close(), abandoned.close()])
  }
  return { wakeups, renewals, abandoned, leave }
}

interface Shared extends Omit<Hub, 'leave'> {
  users: number
}

const hubs = new WeakMap<CacheClient, Shared>()
