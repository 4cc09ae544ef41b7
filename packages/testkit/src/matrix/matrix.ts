import type { RedisCluster } from '../cluster/cluster.js'
import type { RedisServer } from '../redis-server.js'
import type { RedisSentinel } from '../sentinel/sentinel.js'
import { connectClient, endClient } from './client-lifetime.js'
import {
  further,
  newest,
  newestIoredis,
  newestNodeRedis,
  type AnyFlavour,
  type RawClient,
} from './flavours.js'
import type { Ioredis } from './ioredis.js'
import type { NodeRedis } from './node-redis.js'
import {
  primariesOf,
  serversOf,
  sharedPlace,
  type OnePlace,
  type Place,
  type Topology,
} from './places.js'

/** How what is under test is made of a client, one way per library. */
export interface DriverFactories<D> {
  ioredis(raw: Ioredis): D
  'node-redis'(raw: NodeRedis): D
  /** Of three servers that know nothing of each other, on clients of both libraries. */
  sharded?(clients: readonly [Ioredis, NodeRedis, Ioredis]): D
}

export interface MatrixOptions {
  /** Sentinel as well as standalone and Cluster. */
  readonly sentinel?: boolean
  /** Major 5 of both clients as well, and RESP 2 as well as 3. */
  readonly majors?: boolean
  /**
   * A case on shards as well, where `drivers` knows how. Where it is missing: in long runs (CHAOS)
   * only.
   */
  readonly sharded?: boolean
}

export interface MatrixCase<D> {
  /** `'ioredis, standalone'`, `'node-redis 5 RESP 3, cluster'`, `'both, sharded'`. */
  readonly name: string
  readonly client: 'ioredis' | 'node-redis' | 'both'
  readonly topology: Topology
  /**
   * Servers that are running and empty. All cases of a process share them, one set per topology.
   */
  start(): Promise<Stage<D>>
}

export interface Stage<D> extends AsyncDisposable {
  /**
   * What is under test, on a new client that nobody else uses and that has not been told to connect
   * yet. Ended by `stop()`.
   */
  driver(): D
  /**
   * A new connected client, as the library makes it; on shards, of the first. Ended by `stop()`.
   */
  raw(): Promise<RawClient>
  /** Where the topology is standalone. */
  readonly server: RedisServer | undefined
  readonly cluster: RedisCluster | undefined
  readonly sentinel: RedisSentinel | undefined
  /** Those that hold keys: the primaries. */
  readonly primaries: readonly RedisServer[]
  /** Of the servers: `'7.0.15'`. */
  readonly version: string
  /** Deletes all keys, on all primaries. */
  flush(): Promise<void>
  /** Ends the clients; the servers stay for the next case, and die with the process. */
  stop(): Promise<void>
}

/**
 * The cases {ioredis, node-redis} × {standalone, Cluster}, in long runs one on shards, and more if
 * asked: each suite runs in all of them. A test that kills, pauses, fills or reshards should start
 * servers of its own.
 *
 * @example
 * describe.each(matrix({ ioredis: ioredisDriver, 'node-redis': nodeRedisDriver }))('on $name', ({ start }) => {
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
  const flavours = [...newest, ...(majors ? further : [])]
  const cases: MatrixCase<D>[] = topologies.flatMap((topology) =>
    flavours.map((flavour) => ({
      name: `${flavour.name}, ${topology}`,
      client: flavour.client,
      topology,
      start: () => startStage(pairing(drivers, flavour), topology),
    })),
  )
  if (sharded && drivers.sharded)
    cases.push({
      name: 'both, sharded',
      client: 'both',
      topology: 'sharded',
      start: () => startStage(shards(drivers), 'sharded'),
    })
  return cases
}

async function startStage<D>(
  pairing: Promise<(place: Place) => Pair<D>>,
  topology: Topology,
): Promise<Stage<D>> {
  const [create, place] = await Promise.all([pairing, sharedPlace(topology)])
  const clients = new Set<RawClient>()
  const made = () => {
    const pair = create(place)
    for (const raw of pair.raws) clients.add(raw)
    return pair
  }
  const stop = async () => {
    const open = [...clients]
    clients.clear()
    await Promise.all(open.map((client) => endClient(client)))
  }
  return {
    driver: () => made().driver(),
    raw: () => connectClient(made().raws[0]!),
    server: place.topology === 'standalone' ? place.redis : undefined,
    cluster: place.topology === 'cluster' ? place.redis : undefined,
    sentinel: place.topology === 'sentinel' ? place.redis : undefined,
    get primaries() {
      return primariesOf(place)
    },
    version: serversOf(place)[0]?.version ?? 'unknown',
    flush: () => place.redis.flush(),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Pair<D> {
  readonly raws: readonly RawClient[]
  driver(): D
}

/** A client of this flavour, and the factory that takes it: the types keep the two together. */
async function pairing<D>(
  drivers: DriverFactories<D>,
  flavour: AnyFlavour,
): Promise<(place: Place) => Pair<D>> {
  if (flavour.client === 'ioredis') {
    const create = await flavour.load()
    return (place) => {
      const raw = create(place as OnePlace)
      return { raws: [raw], driver: () => drivers.ioredis(raw) }
    }
  }
  const create = await flavour.load()
  return (place) => {
    const raw = create(place as OnePlace)
    return { raws: [raw], driver: () => drivers['node-redis'](raw) }
  }
}

/** Clients of three servers, and the factory that takes them. */
async function shards<D>(drivers: DriverFactories<D>): Promise<(place: Place) => Pair<D>> {
  const [ioredis, nodeRedis] = await Promise.all([newestIoredis.load(), newestNodeRedis.load()])
  return (place) => {
    const [a, b, c] = serversOf(place).map((redis): OnePlace => ({
      topology: 'standalone',
      redis,
    })) as [OnePlace, OnePlace, OnePlace]
    const raws = [ioredis(a), nodeRedis(b), ioredis(c)] as const
    return { raws, driver: () => drivers.sharded!(raws) }
  }
}
