import type { Breaker, Command, Driver, Reply, CacheError, Settle } from '@cache/core'
import { createGuardedSend } from '@cache/core/internal'

/** One of the servers, or a Cluster that counts as one. */
export interface Shard {
  readonly name: string
  readonly driver: Driver
  /** Through a breaker of its own. Settles each command once, and then resolves. */
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
    send: (commands, timeout, settle = nobody) => guarded(commands, timeout, settle),
  }
}

const nobody = (): void => undefined
