import type { RedisCluster } from '../cluster/cluster.js'
import type { RedisServer } from '../redis.js'
import type { RedisSentinel } from '../sentinel/sentinel.js'
import { connectClient, endClient } from './client-lifetime.js'
import { further, newest, type AnyFlavour, type RawClient } from './flavours.js'
import type { Ioredis } from './ioredis.js'
import type { NodeRedis } from './node-redis.js'
import { serversOf, sharedPlace, type Place, type Topology } from './places.js'

/** How what is under test is made of a client, one way per library. */
export interface DriverFactories<D> {
  ioredis(raw: Ioredis): D
  'node-redis'(raw: NodeRedis): D
}

export interface MatrixOptions {
  /** Sentinel as well as standalone and Cluster. */
  readonly sentinel?: boolean
  /** Major 5 of both clients as well, and RESP 2 as well as 3. */
  readonly majors?: boolean
}

export interface MatrixCase<D> {
  /** `'ioredis, standalone'`, `'node-redis 5 RESP 3, cluster'`. */
  readonly name: string
  readonly client: 'ioredis' | 'node-redis'
  readonly topology: Topology
  /** Servers that are running and empty. All cases of a process share them, one set per topology. */
  start(): Promise<Stage<D>>
}

export interface Stage<D> extends AsyncDisposable {
  /** What is under test, on a new client that nobody else uses and that has not been told to connect yet. Ended by `stop()`. */
  driver(): D
  /** A new connected client, as the library makes it. Ended by `stop()`. */
  raw(): Promise<RawClient>
  /** Where the topology is standalone. */
  readonly server: RedisServer | undefined
  readonly cluster: RedisCluster | undefined
  readonly sentinel: RedisSentinel | undefined
  /** Of the servers: `'7.0.15'`. */
  readonly version: string
  /** Deletes all keys, on all primaries. */
  flush(): Promise<void>
  /** Ends the clients; the servers stay for the next case, and die with the process. */
  stop(): Promise<void>
}

/**
 * The cases {ioredis, node-redis} × {standalone, Cluster}, and more if asked: each suite runs in all of them. A test that kills,
 * pauses or reshards should start servers of its own.
 *
 * @example
 * describe.each(matrix({ ioredis: ioredisDriver, 'node-redis': nodeRedisDriver }))('on $name', ({ start }) => {
 *   let stage: Stage<Driver>
 *   beforeAll(async () => void (stage = await start()))
 */
export function matrix<D>(drivers: DriverFactories<D>, { sentinel = false, majors = false }: MatrixOptions = {}): readonly MatrixCase<D>[] {
  const topologies: readonly Topology[] = ['standalone', 'cluster', ...(sentinel ? (['sentinel'] as const) : [])]
  const flavours = [...newest, ...(majors ? further : [])]
  return topologies.flatMap((topology) =>
    flavours.map((flavour) => ({
      name: `${flavour.name}, ${topology}`,
      client: flavour.client,
      topology,
      start: () => startStage(drivers, flavour, topology),
    })),
  )
}

async function startStage<D>(drivers: DriverFactories<D>, flavour: AnyFlavour, topology: Topology): Promise<Stage<D>> {
  const [create, place] = await Promise.all([pairing(drivers, flavour), sharedPlace(topology)])
  const clients = new Set<RawClient>()
  const made = () => {
    const pair = create(place)
    clients.add(pair.raw)
    return pair
  }
  const stop = async () => {
    const open = [...clients]
    clients.clear()
    await Promise.all(open.map((client) => endClient(client)))
  }
  return {
    driver: () => made().driver(),
    raw: () => connectClient(made().raw),
    server: place.topology === 'standalone' ? place.redis : undefined,
    cluster: place.topology === 'cluster' ? place.redis : undefined,
    sentinel: place.topology === 'sentinel' ? place.redis : undefined,
    version: serversOf(place)[0]?.version ?? 'unknown',
    flush: () => place.redis.flush(),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Pair<D> {
  readonly raw: RawClient
  driver(): D
}

/** A client of this flavour, and the factory that takes it: the types keep the two together. */
async function pairing<D>(drivers: DriverFactories<D>, flavour: AnyFlavour): Promise<(place: Place) => Pair<D>> {
  if (flavour.client === 'ioredis') {
    const create = await flavour.load()
    return (place) => {
      const raw = create(place)
      return { raw, driver: () => drivers.ioredis(raw) }
    }
  }
  const create = await flavour.load()
  return (place) => {
    const raw = create(place)
    return { raw, driver: () => drivers['node-redis'](raw) }
  }
}
