import type { Breaker, CacheError, Command, Driver, Reply, Settle } from '@cache/core'
import { createGuardedSend } from '@cache/core/internal'

/** One of the servers, or a Cluster that counts as one shard. */
export interface Shard {
  readonly name: string
  readonly driver: Driver
  /** Sends through the shard's own breaker. Settles each command once, and then resolves. */
  send(
    commands: readonly Command[],
    timeout: number,
    settle?: Settle,
  ): Promise<readonly (Reply | CacheError)[]>
}

export function createShard(name: string, driver: Driver, breaker: Breaker): Shard {
  const guarded = createGuardedSend(driver, breaker)
  return {
    name,
    driver,
    send: (commands, timeout, settle = ignore) => guarded(commands, timeout, settle),
  }
}

const ignore = (): void => undefined
