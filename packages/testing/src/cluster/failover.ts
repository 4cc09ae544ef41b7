import { sendCommand } from '../command.js'
import { eventually } from '../eventually.js'
import { followedPort } from '../replication.js'
import type { Node } from './node.js'
import { waitForAgreement } from './view.js'

/** Options of `failover` of a Cluster. */
export interface ClusterFailoverOptions {
  /**
   * Promotes the replica without asking the other nodes: needed for a paused primary, and the
   * default for a dead one. Writes that the replica has not seen are lost, as in a real failover.
   */
  readonly takeover?: boolean
}

/** Promotes a replica of `primary`. Returns it once all running nodes know about it. */
export async function failOver(
  nodes: readonly Node[],
  primary: Node | undefined,
  options: ClusterFailoverOptions = {},
): Promise<Node> {
  const replica = await replicaOf(nodes, primary)
  const takeover = options.takeover ?? (primary !== undefined && !primary.running)
  await sendCommand(replica, ['CLUSTER', 'FAILOVER', ...(takeover ? ['TAKEOVER'] : [])])
  await eventually(async () => (await replica.cli('ROLE')).startsWith('master'), { within: 30_000 })
  await waitForAgreement(nodes, takeover ? primary : undefined)
  return replica
}

async function replicaOf(nodes: readonly Node[], primary: Node | undefined): Promise<Node> {
  for (const node of nodes) {
    if (!node.running || node.role === 'primary') continue
    const followed = await followedPort(node)
    if (followed !== undefined && (primary === undefined || followed === primary.port)) return node
  }
  throw new Error(
    primary === undefined
      ? 'This Cluster has no running replica.'
      : `The primary on port ${primary.port} has no running replica.`,
  )
}
