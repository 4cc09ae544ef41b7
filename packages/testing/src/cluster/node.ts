import type { RedisServer } from '../redis-server.js'

/** A server of a Cluster. */
export interface ClusterNode extends RedisServer {
  /** The node's id in the Cluster, 40 hexadecimal digits. */
  readonly id: string
  /**
   * The role at the start, or at the last `ready()` or `failover()`. A dead node that lost its
   * slots counts as a replica.
   */
  readonly role: 'primary' | 'replica'
}

/** A node as this package sees it: the role can be written. */
export type Node = RedisServer & { readonly id: string; role: ClusterNode['role'] }
