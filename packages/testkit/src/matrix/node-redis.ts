import type { RedisClientType, RedisClusterType, RedisSentinelType, createClient, createCluster, createSentinel } from 'redis'
import type { Place } from './places.js'

export type NodeRedis = RedisClientType | RedisClusterType | RedisSentinelType

/** What a client is made with; major 5 fits as well. */
export interface NodeRedisLibrary {
  readonly createClient: typeof createClient
  readonly createCluster: typeof createCluster
  readonly createSentinel: typeof createSentinel
}

export interface NodeRedisVariant {
  /** 3 where it is missing, and 2 in major 5. */
  readonly RESP?: 2 | 3
}

/** Clients that try again within a fifth of a second: tests wait for them. */
export function nodeRedisClients({ createClient, createCluster, createSentinel }: NodeRedisLibrary, variant: NodeRedisVariant): (place: Place) => NodeRedis {
  // The types tell clients of RESP 2 and 3 apart; whoever gets one of these does not.
  const options: Readonly<Record<string, number>> = { ...variant }
  const socket = { reconnectStrategy: soon, connectTimeout: 2_000 } as const
  return (place) => {
    if (place.topology === 'standalone') return createClient({ ...options, url: place.redis.url, socket })
    if (place.topology === 'cluster') {
      const rootNodes = place.redis.nodes.map(({ url }) => ({ url }))
      return createCluster({ ...options, rootNodes, defaults: { socket } })
    }
    const { name, addresses } = place.redis
    return createSentinel({ ...options, name, sentinelRootNodes: [...addresses], nodeClientOptions: { socket }, sentinelClientOptions: { socket } })
  }
}

function soon(retries: number): number {
  return Math.min((retries + 1) * 20, 200)
}
