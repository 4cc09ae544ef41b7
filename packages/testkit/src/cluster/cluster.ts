import type { Address } from '../command.js'
import { untilPortsAreFree } from '../free-port.js'
import { ownMachine } from '../machine/own-machine.js'
import type { Machine } from '../machine/machine.js'
import type { RedisServer } from '../redis-server.js'
import { REPLICATION_CONFIG } from '../replication.js'
import { launchServer, launchTogether, stopAll } from '../server.js'
import type { ClusterNode, Node } from './node.js'
import { failOver, type ClusterFailoverOptions } from './failover.js'
import { migrateSlot, type MigrateOptions } from './migrate-slot.js'
import { nodesFile, planMembers, type Member } from './nodes-file.js'
import { waitForAgreement } from './view.js'

export interface ClusterOptions {
  /** The number of primaries. The default is 3. */
  readonly primaries?: number
  /** The number of replicas of each primary. The default is 0. */
  readonly replicasPerPrimary?: number
  /** More lines of every node's redis.conf. `cluster-node-timeout` defaults to 2000 ms. */
  readonly config?: Readonly<Record<string, string>>
  /** Enables `setClock` on each node, where `canSetClock()` returns `true`. */
  readonly clock?: boolean
}

export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[]
  readonly addresses: readonly Address[]
  readonly primaries: readonly ClusterNode[]
  readonly replicas: readonly ClusterNode[]
  /**
   * Waits until running nodes serve all slots and agree on their owners, and every running replica
   * is in sync.
   */
  ready(): Promise<void>
  /**
   * Moves a slot and its keys, as resharding does. With `stopHalfway` the keys move but the slot
   * does not, so that clients that sendCommand for one of the keys get an ASK redirection. A second
   * call without `stopHalfway` finishes the move.
   */
  migrateSlot(
    slot: number,
    from: RedisServer,
    to: RedisServer,
    options?: MigrateOptions,
  ): Promise<void>
  /**
   * Promotes a replica of `primary`, which may be dead or alive. The default is the first primary
   * that has a replica. Returns the new primary once all nodes know it.
   */
  failover(primary?: RedisServer, options?: ClusterFailoverOptions): Promise<ClusterNode>
  /** Deletes all keys. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts a Redis Cluster on free ports of 127.0.0.1. After about two seconds all slots are served
 * and every node knows every other. The Cluster dies with this process.
 *
 * @throws {Error} for the same reasons as `startRedis`, or when the nodes did not agree within 30
 * s.
 * @example
 * await using redis = await startCluster({ primaries: 3, replicasPerPrimary: 1 })
 * const client = new Cluster([...redis.addresses])
 */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { primaries = 3, replicasPerPrimary = 0 } = options
  const machine = await ownMachine()
  const nodes = await untilPortsAreFree(async () => {
    const plan = await planMembers(machine, primaries, replicasPerPrimary)
    return launchMembers(machine, plan, options)
  })
  const cluster = clusterOf(nodes)
  try {
    await cluster.ready()
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

async function launchMembers(
  machine: Machine,
  plan: readonly Member[],
  { config, clock = false }: ClusterOptions,
): Promise<readonly Node[]> {
  return launchTogether(
    plan.map(async (member): Promise<Node> => {
      const files = { [NODES_FILE]: nodesFile(plan, member) }
      const server = await launchServer(machine, {
        port: member.port,
        files,
        clock,
        config: { ...CONFIG, ...config },
      })
      return Object.assign(server, {
        id: member.id,
        role: member.primary === undefined ? ('primary' as const) : ('replica' as const),
      })
    }),
  )
}

const NODES_FILE = 'nodes.conf'

const CONFIG = {
  'cluster-enabled': 'yes',
  'cluster-config-file': NODES_FILE,
  'cluster-node-timeout': '2000',
  ...REPLICATION_CONFIG,
}

function clusterOf(nodes: readonly Node[]): RedisCluster {
  const stop = () => stopAll(nodes)
  const withRole = (role: ClusterNode['role']) => nodes.filter((node) => node.role === role)
  return {
    nodes,
    addresses: nodes.map(({ host, port }) => ({ host, port })),
    get primaries() {
      return withRole('primary')
    },
    get replicas() {
      return withRole('replica')
    },
    ready: () => waitForAgreement(nodes),
    migrateSlot: (slot, from, to, options) =>
      migrateSlot(nodes, slot, memberOf(nodes, from), memberOf(nodes, to), options),
    failover: (primary, options) =>
      failOver(nodes, primary === undefined ? undefined : memberOf(nodes, primary), options),
    flush: async () => void (await Promise.all(withRole('primary').map((node) => node.flush()))),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function memberOf(nodes: readonly Node[], server: RedisServer): Node {
  const node = nodes.find(({ port }) => port === server.port)
  if (node === undefined)
    throw new Error(`The Redis on port ${server.port} is not a node of this Cluster.`)
  return node
}
