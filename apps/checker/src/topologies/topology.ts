import type { Address, RedisServer, TcpProxy } from '@cache/testkit'
import type { Random } from '../random.js'
import type { Library, ConnectionTarget } from '../connection-target.js'

/** The servers under test. */
export interface Topology extends AsyncDisposable {
  /** All servers that hold data, replicas included. */
  readonly servers: readonly RedisServer[]
  /** The servers that accept writes now. */
  readonly primaries: readonly RedisServer[]
  /** Whether the servers' clocks can be set. */
  readonly clock: boolean
  /** Starts proxies for another process. */
  open(library: Library): Promise<ProxySet>
  /** Promotes a replica without the loss of acknowledged writes. */
  readonly failover?: (random: Random) => Promise<void>
  /** Kills a primary and restarts it with all acknowledged writes. */
  readonly crash?: (random: Random) => Promise<void>
  /** Moves used slots to other primaries. */
  readonly migrate?: (random: Random) => Promise<void>
}

/** The proxies of one process, and how it connects to them. */
export interface ProxySet {
  readonly target: ConnectionTarget
  readonly proxies: readonly TcpProxy[]
  close(): Promise<void>
}

export function addressOf({ host, port }: Address): string {
  return `${host}:${port}`
}
