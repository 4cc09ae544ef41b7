import type { RedisClientType, RedisClusterType, RedisSentinelType } from 'redis'
import type { Address } from '@cache/testing'
import type { SingleDeployment } from './deployments.js'

export type NodeRedis = RedisClientType | RedisClusterType | RedisSentinelType

/**
 * The used part of the library, for both majors. The compiler needs 15 seconds to compare the
 * library's own generic types.
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
      SentinelAddress & {
        readonly nodeClientOptions: Client
        readonly sentinelClientOptions: Client
      },
  ): RedisSentinelType
}

export interface Protocol {
  /** The version of RESP. The default is 3, and 2 in major 5. */
  readonly RESP?: 2 | 3
}

interface Client {
  readonly socket: {
    readonly reconnectStrategy: (retries: number) => number
    readonly connectTimeout: number
  }
}

interface SentinelAddress {
  readonly name: string
  readonly sentinelRootNodes: readonly Address[]
}

/** Returns a factory of clients that retry within 200 ms, because tests wait for them. */
export function nodeRedisClients(
  { createClient, createCluster, createSentinel }: NodeRedisLibrary,
  protocol: Protocol,
): (deployment: SingleDeployment) => NodeRedis {
  const client: Client = { socket: { reconnectStrategy: retryDelay, connectTimeout: 2_000 } }
  return (deployment) => {
    if (deployment.topology === 'standalone')
      return createClient({ ...protocol, ...client, url: deployment.redis.url })
    if (deployment.topology === 'cluster') {
      return createCluster({
        ...protocol,
        rootNodes: deployment.redis.nodes.map(({ url }) => ({ url })),
        defaults: client,
      })
    }
    const { name, addresses } = deployment.redis
    return createSentinel({
      ...protocol,
      name,
      sentinelRootNodes: addresses,
      nodeClientOptions: client,
      sentinelClientOptions: client,
    })
  }
}

function retryDelay(retries: number): number {
  return Math.min((retries + 1) * 20, 200)
}
