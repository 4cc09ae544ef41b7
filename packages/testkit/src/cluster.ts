import { randomBytes } from 'node:crypto'
import { ask, type Address } from './command.js'
import { eventually } from './eventually.js'
import { localMachine } from './machine/local.js'
import { StartError, type Machine } from './machine/machine.js'
import type { RedisServer } from './redis.js'
import { launchServer } from './server.js'

export interface ClusterOptions {
  /** 3 where it is missing. */
  readonly primaries?: number
  /** 0 where it is missing. */
  readonly replicasPerPrimary?: number
  /** Further lines of every node's redis.conf. */
  readonly config?: Readonly<Record<string, string>>
}

export interface ClusterNode extends RedisServer {
  readonly role: 'primary' | 'replica'
  readonly id: string
}

export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly ClusterNode[]
  readonly addresses: readonly Address[]
  readonly primaries: readonly ClusterNode[]
  readonly replicas: readonly ClusterNode[]
  stop(): Promise<void>
}

/**
 * A Redis Cluster on free ports, all slots served, every node knowing every other.
 *
 * @example
 * await using cluster = await startCluster({ primaries: 3, replicasPerPrimary: 1 })
 * const client = new Cluster([...cluster.addresses])
 */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const machine = localMachine('redis-server')
  for (let attempt = 1; ; attempt++) {
    try {
      return await formCluster(machine, options)
    } catch (error) {
      if (!(error instanceof StartError && error.portTaken && attempt < 5)) throw error
    }
  }
}

async function formCluster(machine: Machine, { primaries = 3, replicasPerPrimary = 0, config = {} }: ClusterOptions): Promise<RedisCluster> {
  const plan = await planned(machine, primaries, replicasPerPrimary)
  const started = await Promise.allSettled(
    plan.map(async (member): Promise<ClusterNode> => {
      const files = { 'nodes.conf': nodesFile(plan, member) }
      const server = await launchServer(machine, { port: member.port, files, config: { ...CLUSTER_CONFIG, ...config } })
      return Object.assign(server, { role: member.primary === undefined ? ('primary' as const) : ('replica' as const), id: member.id })
    }),
  )
  const nodes = started.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())))
  const failed = started.find((start) => start.status === 'rejected')
  if (failed) {
    await stop()
    throw failed.reason
  }
  await Promise.all(nodes.map((node) => eventually(() => settled(node, nodes.length), { within: 30_000 })))
  return {
    nodes,
    addresses: nodes.map(({ host, port }) => ({ host, port })),
    get primaries() {
      return nodes.filter((node) => node.role === 'primary')
    },
    get replicas() {
      return nodes.filter((node) => node.role === 'replica')
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

const CLUSTER_CONFIG = {
  'cluster-enabled': 'yes',
  'cluster-config-file': 'nodes.conf',
  'cluster-node-timeout': '2000',
  'repl-diskless-sync-delay': '0',
}

interface Member {
  readonly id: string
  readonly port: number
  readonly slots: string
  readonly primary: string | undefined
  readonly epoch: number
}

async function planned(machine: Machine, primaries: number, replicasPerPrimary: number): Promise<readonly Member[]> {
  const members: Member[] = []
  for (let index = 0; index < primaries; index++) {
    const [first, last] = [Math.ceil((index * 16_384) / primaries), Math.ceil(((index + 1) * 16_384) / primaries) - 1]
    const primary = { id: nodeId(), port: await machine.freePort(), slots: `${first}-${last}`, primary: undefined, epoch: index + 1 }
    members.push(primary)
    for (let replica = 0; replica < replicasPerPrimary; replica++) {
      members.push({ id: nodeId(), port: await machine.freePort(), slots: '', primary: primary.id, epoch: primary.epoch })
    }
  }
  return members
}

function nodeId(): string {
  return randomBytes(20).toString('hex')
}

/** What a node remembers of its Cluster over a restart: written beforehand, nobody has to be introduced to anybody. */
function nodesFile(plan: readonly Member[], myself: Member): string {
  const lines = plan.map(({ id, port, slots, primary, epoch }) => {
    const flags = `${id === myself.id ? 'myself,' : ''}${primary === undefined ? 'master' : 'slave'}`
    return `${id} 127.0.0.1:${port}@${port + 10_000} ${flags} ${primary ?? '-'} 0 0 ${epoch} connected ${slots}`.trimEnd()
  })
  return [...lines, `vars currentEpoch ${plan.length} lastVoteEpoch 0`, ''].join('\n')
}

async function settled(node: ClusterNode, size: number): Promise<boolean> {
  const info = String(await ask(node, ['CLUSTER', 'INFO']))
  if (!info.includes('cluster_state:ok') || !info.includes('cluster_slots_ok:16384')) return false
  const lines = String(await ask(node, ['CLUSTER', 'NODES'])).trim().split('\n')
  const connected = lines.filter((line) => / connected( |$)/.test(line) && !/fail|handshake|noaddr/.test(line))
  if (connected.length !== size) return false
  return node.role === 'primary' || (await node.cli('INFO', 'replication')).includes('master_link_status:up')
}
