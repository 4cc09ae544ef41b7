import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import type { Address, RedisSentinel } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createCluster, createSentinel } from 'redis'

export interface Connected {
  readonly client: CacheClient
  close(): Promise<void>
}

/** How a client library reaches servers that take each other's place. */
export interface Library {
  readonly name: string
  cluster(nodes: readonly Address[]): Connected
  sentinel(sentinel: RedisSentinel): Connected
}

export const libraries: readonly Library[] = [
  {
    name: 'ioredis',
    cluster: (nodes) => onIoredis(new Cluster([...nodes], { slotsRefreshTimeout: 1_000, clusterRetryStrategy: () => 50 })),
    sentinel: ({ addresses, name }) => onIoredis(new Redis({ sentinels: [...addresses], name, sentinelRetryStrategy: () => 50 })),
  },
  {
    name: 'node-redis',
    cluster: (nodes) => onNodeRedis(createCluster({ rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })) })),
    sentinel: ({ addresses, name }) => onNodeRedis(createSentinel({ name, sentinelRootNodes: [...addresses], scanInterval: 100 })),
  },
]

function onIoredis(redis: Redis | Cluster): Connected {
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'trial' })
  return { client, close: async () => { await client.close(); redis.disconnect() } }
}

function onNodeRedis(redis: Parameters<typeof nodeRedisDriver>[0] & { destroy(): unknown }): Connected {
  const client = createCacheClient(nodeRedisDriver(redis), { namespace: 'trial' })
  return { client, close: async () => { await client.close(); await redis.destroy() } }
}
