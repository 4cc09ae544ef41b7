import type { Breaker, Driver } from '@cache/core'
import { createGuardedSend, type GuardedSend } from '@cache/core/internal'

/** One of the servers, or a Cluster that counts as one shard. */
export interface Shard {
  readonly name: string
  readonly driver: Driver
  /** Sends through the shard's own breaker. */
  readonly send: GuardedSend
}

export function createShard(name: string, driver: Driver, breaker: Breaker): Shard {
  return { name, driver, send: createGuardedSend(driver, breaker) }
}
