import type { CacheClient } from '@cache/core'
import { closeWith } from '@cache/core/internal'
import { AbandonedRequests } from './abandoned-requests.js'
import { Renewals } from './renewals.js'
import { Wakeups } from './wakeups.js'

/** The resources that all locks of one client share. */
export interface SharedResources {
  /** One connection for messages to waiters. */
  readonly wakeups: Wakeups
  readonly renewals: Renewals
  readonly abandoned: AbandonedRequests
  /** Ends this use of the resources. The last user closes them. */
  release(): Promise<void>
}

/** Returns the shared resources of a client. Call `release` once you no longer need them. */
export function sharedResources(client: CacheClient): SharedResources {
  let shared = byClient.get(client)
  if (!shared) {
    shared = {
      wakeups: new Wakeups(client),
      renewals: new Renewals(),
      abandoned: new AbandonedRequests(),
      users: 0,
    }
    byClient.set(client, shared)
    closeWith(client, shared.wakeups, 'bus')
    closeWith(client, shared.abandoned, 'bus')
  }
  const counted = shared
  const { wakeups, renewals, abandoned } = counted
  counted.users++
  const release = async (): Promise<void> => {
    if (--counted.users > 0) return
    byClient.delete(client)
    await Promise.all([wakeups.close(), abandoned.close()])
  }
  return { wakeups, renewals, abandoned, release }
}

interface CountedResources extends Omit<SharedResources, 'release'> {
  users: number
}

const byClient = new WeakMap<CacheClient, CountedResources>()
