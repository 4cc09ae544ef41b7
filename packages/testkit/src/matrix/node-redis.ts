import type { RedisClientType, RedisClusterType, RedisSentinelType } from 'redis'
import type { Address } from '../command.js'
import type { OnePlace } from './places.js'

export type NodeRedis = RedisClientType | RedisClusterType | RedisSentinelType

/**
 * What is used of the library, for both majors. Its own generic types take the compiler a quarter
 * of a minute to compare.
 */
export interface NodeRedisLibrary {
  createClient(options: Protocol & Client & { readonly url: string }): RedisClientType
  createCluster(
    options: Protocol & {
      readonly rootNodes: readonly { readonly url: string }[]
      readonly defaults: Client
    },
  ): RedisClusterType
  createSentinel(
    options: Protocol &
      SentinelPlace & {
        readonly nodeClientOptions: Client
        readonly sentinelClientOptions: Client
      },
  ): RedisSentinelType
}

export interface Protocol {
  /** 3 where it is missing, and 2 in major 5. */
  readonly RESP?: 2 | 3
}

interface Client {
  readonly socket: {
    readonly reconnectStrategy: (retries: number) => number
    readonly connectTimeout: number
  }
}

interface SentinelPlace {
  readonly name: string
  readonly sentinelRootNodes: readonly Address[]
}

/** Clients that try again within a fifth of a second: tests wait for them. */
export function nodeRedisClients(
  { createClient, createCluster, createSentinel }: NodeRedisLibrary,
  protocol: Protocol,
): (place: OnePlace) => NodeRedis {
  const client: Client = { socket: { reconnectStrategy: soon, connectTimeout: 2_000 } }
  return (place) => {
    if (place.topology === 'standalone')
      return createClient({ ...protocol, ...client, url: place.redis.url })
    if (place.topology === 'cluster') {
      return createCluster({
        ...protocol,
        rootNodes: place.redis.nodes.map(({ url }) => ({ url })),
        defaults: client,
      })
    }
    const { name, addresses } = place.redis
    return createSentinel({
      ...protocol,
      name,
      sentinelRootNodes: addresses,
      nodeClientOptions: client,
      sentinelClientOptions: client,
    })
  }
}

function soon(retries: number): number {
  return Math.min((retries + 1) * 20, 200)
}
