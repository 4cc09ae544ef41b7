import type { RedisServer } from '../redis-server.js'

export interface ClusterNode extends RedisServer {
  /** The node's id in the Cluster, 40 hexadecimal digits. */
  readonly id: string
  /**
   * As of the start, or of the last `ready()` or `failover()`. A dead node that lost its slots
   * counts as a replica.
   */
  readonly role: 'primary' | 'replica'
}

/** What a node is to this package; to users its role is read-only. */
export type Node = RedisServer & { readonly id: string; role: ClusterNode['role'] }
