import type { Address, RedisServer, TcpProxy } from '@cache/testkit'
import type { Random } from '../random.js'
import type { Library, Reach } from '../reach.js'

/** Servers under test. */
export interface Topology extends AsyncDisposable {
  /** All servers that hold data, replicas included. */
  readonly servers: readonly RedisServer[]
  /** Those that take writes now. */
  readonly primaries: readonly RedisServer[]
  /** Whether the servers' clocks can be set. */
  readonly clock: boolean
  /** Another way to Redis, with proxies of its own. */
  open(library: Library): Promise<Entrance>
  /** A replica takes the place of a primary, without the loss of anything that was acknowledged. */
  readonly failover?: (random: Random) => Promise<void>
  /** A primary is killed and comes back with all that it had acknowledged. */
  readonly crash?: (random: Random) => Promise<void>
  /** Slots of keys in use move to other primaries. */
  readonly migrate?: (random: Random) => Promise<void>
}

/** The way of one process to Redis. */
export interface Entrance {
  readonly reach: Reach
  readonly proxies: readonly TcpProxy[]
  close(): Promise<void>
}

export function addressOf({ host, port }: Address): string {
  return `${host}:${port}`
}
