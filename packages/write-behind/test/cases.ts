import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import { matrix } from '@cache/testkit'
import type { PendingWrite } from '../src/index.js'

const resilience = { readTimeout: '5s', writeTimeout: '5s' } as const
export const cases = matrix<CacheClient>(
  {
    ioredis: (raw) => createCacheClient(ioredisDriver(raw), { namespace: 'test', resilience }),
    'node-redis': (raw) =>
      createCacheClient(nodeRedisDriver(raw), { namespace: 'test', resilience }),
    sharded: ([a, b, c]) =>
      createCacheClient(
        shardedDriver({
          shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) },
        }),
        { namespace: 'test', resilience },
      ),
    memory: () => {
      const server = new MemoryServer()
      return {
        driver: () =>
          createCacheClient(memoryDriver({ server }), { namespace: 'test', resilience }),
        flush: () => server.flush(),
      }
    },
  },
  { sharded: true },
)

export interface Row {
  readonly name: string
  readonly age?: number
}

/** A database table that keeps each row with the sequence of its last write. */
export class Table {
  readonly rows = new Map<string, { readonly value: Row | null; readonly sequence: number }>()
  readonly calls: PendingWrite<Row, string>[][] = []
  loads = 0

  readonly load = async (id: string): Promise<Row | null> => {
    this.loads++
    return this.rows.get(id)?.value ?? null
  }

  readonly upsert = async (writes: readonly PendingWrite<Row, string>[]): Promise<void> => {
    this.calls.push([...writes])
    for (const { id, value, sequence } of writes)
      if (sequence > (this.rows.get(id)?.sequence ?? 0)) this.rows.set(id, { value, sequence })
  }
}
