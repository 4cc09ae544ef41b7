import { basename } from 'node:path'
import { connectClient, endClient } from './client-lifetime.js'
import {
  additionalVariants,
  defaultVariants,
  newestIoredis,
  newestNodeRedis,
  type AnyClientVariant,
  type RawClient,
} from './client-variants.js'
import type { Ioredis } from './ioredis.js'
import type { NodeRedis } from './node-redis.js'
import {
  primariesOf,
  serversOf,
  sharedDeployment,
  type SingleDeployment,
  type Deployment,
  type ServerTopology,
  type Topology,
} from './deployments.js'
import type { Stage } from './stage.js'
import { memoryStage, type MemoryData } from './memory-stage.js'

/** Functions that create the object under test from a client, one for each library. */
export interface DriverFactories<D> {
  ioredis(raw: Ioredis): D
  'node-redis'(raw: NodeRedis): D
  /** Creates it from clients of both libraries, connected to three independent servers. */
  sharded?(clients: readonly [Ioredis, NodeRedis, Ioredis]): D
  /** Creates empty data in this process, for the case that needs no server. */
  memory?(): MemoryData<D>
}

export interface MatrixOptions {
  /**
   * Combines every client with every topology. The default is `true` in long runs (CHAOS), or with
   * `sentinel` or `majors`. Otherwise only one of the two clients is used on a Cluster: ioredis in
   * half of the packages, and node-redis in the others.
   */
  readonly every?: boolean
  /** Adds cases on Sentinel. */
  readonly sentinel?: boolean
  /** Adds cases with major 5 of both clients and with the other version of RESP. */
  readonly majors?: boolean
  /**
   * Adds a case on shards, if `drivers` has a `sharded` factory. The default is `true` in long runs
   * (CHAOS), and otherwise `false`.
   */
  readonly sharded?: boolean
  /**
   * Adds a case in memory, if `drivers` has a `memory` factory. The default is `true`. Set it to
   * `false` for a suite that needs servers, and say there why.
   */
  readonly memory?: boolean
}

export interface MatrixCase<D> {
  /** `'ioredis, standalone'`, `'node-redis 5 RESP 3, cluster'`, `'both, sharded'`, `'memory'`. */
  readonly name: string
  readonly client: 'ioredis' | 'node-redis' | 'both' | 'memory'
  readonly topology: Topology
  /** Starts the servers, if needed, and empties them. All cases of a process share them. */
  start(): Promise<Stage<D>>
}

/**
 * Returns the test cases {ioredis, node-redis} × {standalone, Cluster}, one in memory if `drivers`
 * has a factory for it, and more on request. Short runs leave out one of the two on a Cluster. A
 * suite runs in all of them. A test that kills, pauses, fills or reshards starts its own servers.
 *
 * @example
 * const drivers = { ioredis: ioredisDriver, 'node-redis': nodeRedisDriver }
 * describe.each(matrix(drivers))('on $name', ({ start }) => {
 *   let stage: Stage<Driver>
 *   beforeAll(async () => void (stage = await start()))
 */
export function matrix<D>(
  drivers: DriverFactories<D>,
  {
    sentinel = false,
    majors = false,
    every = process.env.CHAOS !== undefined || sentinel || majors,
    sharded = process.env.CHAOS !== undefined,
    memory = true,
  }: MatrixOptions = {},
): readonly MatrixCase<D>[] {
  const topologies: readonly Exclude<ServerTopology, 'sharded'>[] = [
    'standalone',
    'cluster',
    ...(sentinel ? (['sentinel'] as const) : []),
  ]
  const variants = [...defaultVariants, ...(majors ? additionalVariants : [])]
  const cases: MatrixCase<D>[] = topologies.flatMap((topology) =>
    (topology === 'cluster' && !every ? [clusterVariant()] : variants).map((variant) => ({
      name: `${variant.name}, ${topology}`,
      client: variant.client,
      topology,
      start: () => startStage(singleFactory(drivers, variant), topology),
    })),
  )
  if (sharded && drivers.sharded)
    cases.push({
      name: 'both, sharded',
      client: 'both',
      topology: 'sharded',
      start: () => startStage(shardedFactory(drivers), 'sharded'),
    })
  if (memory && drivers.memory)
    cases.push({
      name: 'memory',
      client: 'memory',
      topology: 'memory',
      start: async () => memoryStage(drivers.memory!()),
    })
  return cases
}

/** Returns the client that this package uses on a Cluster in short runs. */
function clusterVariant(): AnyClientVariant {
  const sum = [...basename(process.cwd())].reduce((total, char) => total + char.charCodeAt(0), 0)
  return sum % 2 === 0 ? newestIoredis : newestNodeRedis
}

async function startStage<D>(
  factory: Promise<ClientFactory<D>>,
  topology: ServerTopology,
): Promise<Stage<D>> {
  const [createClients, deployment] = await Promise.all([factory, sharedDeployment(topology)])
  const clients = new Set<RawClient>()
  const create = () => {
    const created = createClients(deployment)
    for (const raw of created.raws) clients.add(raw)
    return created
  }
  const stop = async () => {
    const open = [...clients]
    clients.clear()
    await Promise.all(open.map((client) => endClient(client)))
  }
  return {
    driver: () => create().driver(),
    raw: () => connectClient(create().raws[0]!),
    server: deployment.topology === 'standalone' ? deployment.redis : undefined,
    cluster: deployment.topology === 'cluster' ? deployment.redis : undefined,
    sentinel: deployment.topology === 'sentinel' ? deployment.redis : undefined,
    get primaries() {
      return primariesOf(deployment)
    },
    version: serversOf(deployment)[0]?.version ?? 'unknown',
    flush: () => deployment.redis.flush(),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

type ClientFactory<D> = (deployment: Deployment) => ClientsWithDriver<D>

interface ClientsWithDriver<D> {
  readonly raws: readonly RawClient[]
  driver(): D
}

/** Pairs a client with the driver factory of its library, so that the types match. */
async function singleFactory<D>(
  drivers: DriverFactories<D>,
  variant: AnyClientVariant,
): Promise<ClientFactory<D>> {
  if (variant.client === 'ioredis') {
    const create = await variant.load()
    return (deployment) => {
      const raw = create(deployment as SingleDeployment)
      return { raws: [raw], driver: () => drivers.ioredis(raw) }
    }
  }
  const create = await variant.load()
  return (deployment) => {
    const raw = create(deployment as SingleDeployment)
    return { raws: [raw], driver: () => drivers['node-redis'](raw) }
  }
}

/** Pairs clients of three servers with the factory that takes them. */
async function shardedFactory<D>(drivers: DriverFactories<D>): Promise<ClientFactory<D>> {
  const [ioredis, nodeRedis] = await Promise.all([newestIoredis.load(), newestNodeRedis.load()])
  return (deployment) => {
    const [a, b, c] = serversOf(deployment).map((redis): SingleDeployment => ({
      topology: 'standalone',
      redis,
    })) as [SingleDeployment, SingleDeployment, SingleDeployment]
    const raws = [ioredis(a), nodeRedis(b), ioredis(c)] as const
    return { raws, driver: () => drivers.sharded!(raws) }
  }
}
