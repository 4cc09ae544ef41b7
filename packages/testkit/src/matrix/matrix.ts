import type { RedisCluster, RedisSentinel, RedisServer } from '@cache/testing'
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
  type Topology,
} from './deployments.js'

/** Functions that create the object under test from a client, one for each library. */
export interface DriverFactories<D> {
  ioredis(raw: Ioredis): D
  'node-redis'(raw: NodeRedis): D
  /** Creates it from clients of both libraries, connected to three independent servers. */
  sharded?(clients: readonly [Ioredis, NodeRedis, Ioredis]): D
}

export interface MatrixOptions {
  /** Adds cases on Sentinel. */
  readonly sentinel?: boolean
  /** Adds cases with major 5 of both clients and with the other version of RESP. */
  readonly majors?: boolean
  /**
   * Adds a case on shards, if `drivers` has a `sharded` factory. The default is `true` in long runs
   * (CHAOS), and otherwise `false`.
   */
  readonly sharded?: boolean
}

export interface MatrixCase<D> {
  /** `'ioredis, standalone'`, `'node-redis 5 RESP 3, cluster'`, `'both, sharded'`. */
  readonly name: string
  readonly client: 'ioredis' | 'node-redis' | 'both'
  readonly topology: Topology
  /** Starts the servers, if needed, and empties them. All cases of a process share them. */
  start(): Promise<Stage<D>>
}

export interface Stage<D> extends AsyncDisposable {
  /**
   * Creates the object under test, on a new client that is not connected yet and that no other
   * caller uses. `stop()` ends the client.
   */
  driver(): D
  /**
   * Creates and connects a client of the library. On shards, it is a client of the first shard.
   * `stop()` ends it.
   */
  raw(): Promise<RawClient>
  /** Defined if the topology is standalone. */
  /** Where the topology is standalone. */
  readonly server: RedisServer | undefined
  readonly cluster: RedisCluster | undefined
  readonly sentinel: RedisSentinel | undefined
  /** The servers that hold keys. */
  readonly primaries: readonly RedisServer[]
  /** The version of the servers: `'7.0.15'`. */
  readonly version: string
  /** Deletes all keys, on all primaries. */
  flush(): Promise<void>
  /** Ends the clients. The servers stay for the next case, and die with the process. */
  stop(): Promise<void>
}

/**
 * Returns the test cases {ioredis, node-redis} × {standalone, Cluster}, and more on request. A
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
    sharded = process.env.CHAOS !== undefined,
  }: MatrixOptions = {},
): readonly MatrixCase<D>[] {
  const topologies: readonly Exclude<Topology, 'sharded'>[] = [
    'standalone',
    'cluster',
    ...(sentinel ? (['sentinel'] as const) : []),
  ]
  const variants = [...defaultVariants, ...(majors ? additionalVariants : [])]
  const cases: MatrixCase<D>[] = topologies.flatMap((topology) =>
    variants.map((variant) => ({
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
  return cases
}

async function startStage<D>(
  factory: Promise<ClientFactory<D>>,
  topology: Topology,
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
