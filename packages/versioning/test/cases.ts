import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { shardedDriver } from '@cache/sharding'
import { matrix, type RedisServer, type Stage, type Topology } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import { createVersioned, type Versioned, type VersionedOptions } from '../src/index.js'

const cases = matrix<Driver>({
  ioredis: ioredisDriver,
  'node-redis': nodeRedisDriver,
  sharded: ([a, b, c]) => shardedDriver({ shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) } }),
})

export interface Bench {
  readonly topology: Topology
  readonly servers: readonly RedisServer[]
  /** A client of its own, with a connection of its own: another process, as far as Redis can tell. */
  newClient(wrap?: (driver: Driver) => Driver): CacheClient
  /** What `redis-cli` would answer. */
  ask(...args: [command: string, key: string, ...rest: string[]]): Promise<unknown>
  flush(): Promise<void>
}

/** Runs a suite on both clients, standalone and on a Cluster; servers are emptied before each test. */
export function onEach(suite: (bench: () => Bench) => void): void {
  describe.each(cases)('on $name', ({ start, topology }) => {
    let stage: Stage<Driver>
    const clients: CacheClient[] = []
    let asking: CacheClient | undefined
    const newClient = (wrap: (driver: Driver) => Driver = (driver) => driver): CacheClient => {
      const client = createCacheClient(wrap(stage.driver()), { namespace: 'shop', resilience: { readTimeout: '5s', writeTimeout: '5s' } })
      clients.push(client)
      return client
    }
    beforeAll(async () => { stage = await start() })
    beforeEach(() => stage.flush())
    afterAll(async () => {
      await Promise.all(clients.map((client) => client.close()))
      await stage.stop()
    })
    suite(() => ({
      topology,
      servers: stage.primaries,
      newClient,
      ask: (...args) => (asking ??= newClient()).send({ args, keys: [args[1]] }),
      flush: () => stage.flush(),
    }))
  })
}

export interface Product { readonly id: number; readonly category: number; readonly price: number }

/** The source: products in categories, with prices that only grow. */
export class Shop {
  readonly rows = new Map<number, Product>()
  loads = 0

  row(id: number): Product {
    return this.rows.get(id) ?? { id, category: id % 10, price: 1 }
  }

  change(id: number, patch: Partial<Product>): void {
    this.rows.set(id, { ...this.row(id), ...patch })
  }

  readonly load = async (id: number): Promise<Product> => {
    this.loads++
    return this.row(id)
  }
}

export const how = ['known before, stamp', 'known before, key', 'learnt from the value, stamp'] as const
export type How = (typeof how)[number]

type Options = VersionedOptions<Product, number>

/** A cache of products in the three ways in which groups and versions may be told. */
export function productsOf(client: CacheClient, shop: Shop, way: How, options: Partial<Options> = {}): Versioned<Product, number> {
  return createVersioned<Product, number>({
    client, prefix: 'product', ttl: '1h', load: shop.load,
    groups: way.startsWith('known') ? (id) => [`category:${id % 10}`, 'products'] : (_, product) => product && [`category:${product.category}`, 'products'],
    strategy: way.endsWith('key') ? 'key' : 'stamp',
    ...options,
  })
}
