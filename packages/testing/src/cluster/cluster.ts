import type { Address } from '../command.js'
import { untilPortsAreFree } from '../free-port.js'
import { ownMachine } from '../machine/own-machine.js'
import type { Machine } from '../machine/machine.js'
import { checkConfig, checkNames, checkOneOf, checkWholeNumber } from '../options.js'
import type { RedisServer } from '../redis-server.js'
import { REPLICATION_CONFIG } from '../replication.js'
import { launchServer, launchTogether, stopAll } from '../server.js'
import type { ClusterNode, Node } from './node.js'
import { failOver, type ClusterFailoverOptions } from './failover.js'
import { migrateSlot, type MigrateOptions } from './migrate-slot.js'
import { nodesFile, planMembers, type Member } from './nodes-file.js'
import { waitForAgreement } from './view.js'

/** Options of `startRedisCluster`. */
export interface RedisClusterOptions {
  /** The number of primaries. The default is 3. */
  readonly primaries?: number
  /** The number of replicas of each primary. The default is 0. */
  readonly replicasPerPrimary?: number
  /** More lines of every node's redis.conf. `cluster-node-timeout` defaults to 2000 ms. */
  readonly config?: Readonly<Record<string, string>>
  /** Enables `setClock` on each node, where `canSetClock()` returns `true`. */
  readonly clock?: boolean
}

/** A Cluster that `startRedisCluster` has started. */
export interface RedisCluster extends AsyncDisposable {
  /** `redis://127.0.0.1:port` of the first node, for clients that need one node to start with. */
  readonly url: string
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
   * does not, so that clients that ask for one of the keys get an ASK redirection. A second
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
  /** Pauses all nodes. To pause one, call its own `pause()`. */
  pause(): Promise<void>
  /** Resumes all nodes. */
  resume(): Promise<void>
  /** Kills all nodes. */
  kill(): Promise<void>
  /**
   * Restarts all nodes, and waits until the Cluster is `ready()`. Without `appendonly` in `config`
   * all keys are gone.
   */
  restart(): Promise<void>
  /** Deletes all keys. */
  flush(): Promise<void>
  /** Kills all nodes and removes their directories. */
  stop(): Promise<void>
}

/**
 * Starts a Redis Cluster on free ports of 127.0.0.1. After about two seconds all slots are served
 * and every node knows every other. The Cluster ends with this process.
 *
 * @throws {InvalidOptionError} when an option is invalid.
 * @throws {Error} for the same reasons as `startRedis`, or when the nodes did not agree within 30
 * s.
 * @example
 * await using redis = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })
 * const client = new Cluster([...redis.addresses])
 */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  checkOptions(options)
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

function checkOptions(options: RedisClusterOptions): void {
  checkNames(options, ['primaries', 'replicasPerPrimary', 'config', 'clock'])
  checkWholeNumber('primaries', options.primaries, { min: 1, max: 50 })
  checkWholeNumber('replicasPerPrimary', options.replicasPerPrimary, { min: 0, max: 10 })
  checkOneOf('clock', options.clock, [true, false])
  checkConfig(options.config)
}

async function launchMembers(
  machine: Machine,
  plan: readonly Member[],
  { config, clock = false }: RedisClusterOptions,
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
  const onAll = async (action: (node: Node) => Promise<void>) =>
    void (await Promise.all(nodes.map(action)))
  const withRole = (role: ClusterNode['role']) => nodes.filter((node) => node.role === role)
  return {
    url: nodes[0]!.url,
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
    pause: () => onAll((node) => node.pause()),
    resume: () => onAll((node) => node.resume()),
    kill: () => onAll((node) => node.kill()),
    async restart() {
      await onAll((node) => node.restart())
      await waitForAgreement(nodes)
    },
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
