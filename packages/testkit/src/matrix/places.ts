import { startCluster, type RedisCluster } from '../cluster/cluster.js'
import { startRedis } from '../redis.js'
import type { RedisServer } from '../redis-server.js'
import { startSentinel, type RedisSentinel } from '../sentinel/sentinel.js'

/** Where the clients of a case connect to. */
export type Place = OnePlace | { readonly topology: 'sharded'; readonly redis: RedisSet }

/** Where one client does. */
export type OnePlace =
  | { readonly topology: 'standalone'; readonly redis: RedisServer }
  | { readonly topology: 'cluster'; readonly redis: RedisCluster }
  | { readonly topology: 'sentinel'; readonly redis: RedisSentinel }

/** Servers that know nothing of each other. */
export interface RedisSet {
  readonly servers: readonly [RedisServer, RedisServer, RedisServer]
  flush(): Promise<void>
}

export type Topology = Place['topology']

/**
 * One of each for all cases of a test file: started by the first that asks, ended with the process.
 */
export async function sharedPlace(topology: Topology): Promise<Place> {
  const place = await (places.get(topology) ?? keep(topology, start[topology]()))
  for (const server of serversOf(place)) await (server.running ? alert(server) : server.restart())
  if ('ready' in place.redis) await place.redis.ready()
  await place.redis.flush()
  return place
}

const places = new Map<Topology, Promise<Place>>()

function keep(topology: Topology, place: Promise<Place>): Promise<Place> {
  places.set(topology, place)
  place.catch(() => places.delete(topology))
  return place
}

const start: Record<Topology, () => Promise<Place>> = {
  standalone: async () => ({ topology: 'standalone', redis: await startRedis() }),
  // With replicas in the long form only: three servers more take their time to start. Without them
  // nobody waits for one to be taken for dead.
  cluster: async () => ({
    topology: 'cluster',
    redis: await startCluster(
      process.env.CHAOS
        ? { replicasPerPrimary: 1 }
        : { config: { 'cluster-node-timeout': '10000' } },
    ),
  }),
  sharded: async () => {
    const servers = await Promise.all([startRedis(), startRedis(), startRedis()])
    return {
      topology: 'sharded',
      redis: {
        servers,
        flush: async () => void (await Promise.all(servers.map((server) => server.flush()))),
      },
    }
  },
  // Nobody waits for a failover here, and a server that is only slow must keep its role.
  sentinel: async () => ({
    topology: 'sentinel',
    redis: await startSentinel({ sentinels: 1, downAfter: 5_000 }),
  }),
}

export function serversOf(place: Place): readonly RedisServer[] {
  if (place.topology === 'standalone') return [place.redis]
  if (place.topology === 'cluster') return place.redis.nodes
  if (place.topology === 'sharded') return place.redis.servers
  return [place.redis.primary, ...place.redis.replicas, ...place.redis.sentinels]
}

export function primariesOf(place: Place): readonly RedisServer[] {
  if (place.topology === 'cluster') return place.redis.primaries
  return place.topology === 'sentinel' ? [place.redis.primary] : serversOf(place)
}

/** A test before may have left it paused; one that is shared can't be. */
async function alert(server: RedisServer): Promise<void> {
  if (server.directory !== '') await server.resume()
}
