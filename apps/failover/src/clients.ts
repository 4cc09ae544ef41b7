import { createCacheClient, type CacheClient, type ResilienceOptions } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import type { Address, RedisSentinel } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'

export interface Connection {
  readonly client: CacheClient
  close(): Promise<void>
}

/** A client library, with its ways to connect to servers that fail over. */
export interface Library {
  readonly name: string
  /** Connects to one address, behind which the server may be replaced. */
  standalone(address: Address, resilience?: ResilienceOptions): Connection
  cluster(nodes: readonly Address[], resilience?: ResilienceOptions): Connection
  sentinel(sentinel: RedisSentinel, resilience?: ResilienceOptions): Connection
}

export const libraries: readonly Library[] = [
  {
    name: 'ioredis',
    standalone: ({ host, port }, resilience) =>
      onIoredis(new Redis({ host, port, retryStrategy: () => 50 }), resilience),
    cluster: (nodes, resilience) =>
      onIoredis(
        new Cluster([...nodes], { slotsRefreshTimeout: 1_000, clusterRetryStrategy: () => 50 }),
        resilience,
      ),
    sentinel: ({ addresses, name }, resilience) =>
      onIoredis(
        new Redis({ sentinels: [...addresses], name, sentinelRetryStrategy: () => 50 }),
        resilience,
      ),
  },
  {
    name: 'node-redis',
    standalone: ({ host, port }, resilience) =>
      onNodeRedis(createClient({ socket: { host, port, reconnectStrategy: 50 } }), resilience),
    cluster: (nodes, resilience) =>
      onNodeRedis(
        createCluster({ rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })) }),
        resilience,
      ),
    sentinel: ({ addresses, name }, resilience) =>
      onNodeRedis(
        createSentinel({ name, sentinelRootNodes: [...addresses], scanInterval: 100 }),
        resilience,
      ),
  },
]

function onIoredis(redis: Redis | Cluster, resilience: ResilienceOptions = {}): Connection {
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'trial', resilience })
  return {
    client,
    close: async () => {
      await client.close()
      redis.disconnect()
    },
  }
}

function onNodeRedis(
  redis: Parameters<typeof nodeRedisDriver>[0] & { destroy(): unknown },
  resilience: ResilienceOptions = {},
): Connection {
  const client = createCacheClient(nodeRedisDriver(redis), { namespace: 'trial', resilience })
  return {
    client,
    close: async () => {
      await client.close()
      await redis.destroy()
    },
  }
}
