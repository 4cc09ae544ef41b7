import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import type { DriverFactories } from '@cache/testkit'
import { suitesOn } from '@cache/testkit/suites'
import { createVersioned, type Versioned, type VersionedOptions } from '../src/index.js'

const drivers: DriverFactories<Driver> = {
  ioredis: ioredisDriver,
  'node-redis': nodeRedisDriver,
  sharded: ([a, b, c]) =>
    shardedDriver({ shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) } }),
  memory: () => {
    const server = new MemoryServer()
    return { driver: () => memoryDriver({ server }), flush: () => server.flush() }
  },
}

/** Deadlines that a machine busy with other tests does not miss. */
const settings = {
  namespace: 'shop',
  resilience: { readTimeout: '5s', writeTimeout: '5s' },
} as const

/**
 * Runs a suite on both clients, standalone and on a Cluster, and on shards in the long form. The
 * servers are emptied before each test.
 */
export const onEach = suitesOn(
  drivers,
  (driver, wrap: (driver: Driver) => Driver = (driver) => driver) =>
    createCacheClient(wrap(driver), settings),
)

export interface Product {
  readonly id: number
  readonly category: number
  readonly price: number
}

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

export const how = [
  'known before, stamp',
  'known before, key',
  'learnt from the value, stamp',
] as const
export type How = (typeof how)[number]

type Options = VersionedOptions<Product, number>

/** A cache of products in the three ways in which groups and versions may be told. */
export function productsOf(
  client: CacheClient,
  shop: Shop,
  way: How,
  options: Partial<Options> = {},
): Versioned<Product, number> {
  return createVersioned<Product, number>({
    client,
    prefix: 'product',
    ttl: '1h',
    load: shop.load,
    groups: way.startsWith('known')
      ? (id) => [`category:${id % 10}`, 'products']
      : (_, product) => product && [`category:${product.category}`, 'products'],
    strategy: way.endsWith('key') ? 'key' : 'stamp',
    ...options,
  })
}
