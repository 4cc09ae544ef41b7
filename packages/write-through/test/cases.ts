import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import { matrix } from '@cache/testkit'

export const cases = matrix<CacheClient>(
  {
    ioredis: (raw) =>
      createCacheClient(ioredisDriver(raw), {
        namespace: 'test',
        resilience: { readTimeout: '5s', writeTimeout: '5s' },
      }),
    'node-redis': (raw) =>
      createCacheClient(nodeRedisDriver(raw), {
        namespace: 'test',
        resilience: { readTimeout: '5s', writeTimeout: '5s' },
      }),
    sharded: ([a, b, c]) =>
      createCacheClient(
        shardedDriver({
          shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) },
        }),
        { namespace: 'test', resilience: { readTimeout: '5s', writeTimeout: '5s' } },
      ),
    memory: () => {
      const server = new MemoryServer()
      return {
        driver: () =>
          createCacheClient(memoryDriver({ server }), {
            namespace: 'test',
            resilience: { readTimeout: '5s', writeTimeout: '5s' },
          }),
        flush: () => server.flush(),
      }
    },
  },
  { sharded: true },
)

export interface User {
  readonly id: number
  readonly name: string
  readonly age: number
  readonly version: number
}
