import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import { matrix, type DriverFactories } from '@cache/testkit'

const drivers: DriverFactories<CacheClient> = {
  ioredis: (raw) =>
    createCacheClient(ioredisDriver(raw), {
      namespace: 'shop',
      resilience: { readTimeout: '5s', writeTimeout: '5s' },
    }),
  'node-redis': (raw) =>
    createCacheClient(nodeRedisDriver(raw), {
      namespace: 'shop',
      resilience: { readTimeout: '5s', writeTimeout: '5s' },
    }),
  sharded: ([a, b, c]) =>
    createCacheClient(
      shardedDriver({
        shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) },
      }),
      { namespace: 'shop', resilience: { readTimeout: '5s', writeTimeout: '5s' } },
    ),
  memory: () => {
    const server = new MemoryServer()
    return {
      driver: () =>
        createCacheClient(memoryDriver({ server }), {
          namespace: 'shop',
          resilience: { readTimeout: '5s', writeTimeout: '5s' },
        }),
      flush: () => server.flush(),
    }
  },
}

export const cases = matrix(drivers)
/** The cases with shards, also in short runs. */
export const casesWithShards = matrix(drivers, { sharded: true })

/** Ends all connections of subscribers, as an administrator does. */
export async function killSubscriptions(client: CacheClient): Promise<void> {
  for (const node of await client.driver.nodes())
    await node.send([{ args: ['CLIENT', 'KILL', 'TYPE', 'pubsub'], keys: [] }])[0]
}
