import { createCacheClient, type CacheClient, type Command, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import type { DriverFactories } from '@cache/testkit'
import { suitesOn } from '@cache/testkit/suites'
import { createHierarchical, type Hierarchical, type HierarchicalOptions } from '../src/index.js'

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

/**
 * Wraps a driver so that it records what it sends, with one element for each round trip. The
 * commands of one tick are sent together, to all nodes.
 */
export function counting(sends: (readonly Command[])[]): (driver: Driver) => Driver {
  return (driver) => ({
    ...driver,
    send: (commands, how) => {
      sends.push(commands)
      return driver.send(commands, how)
    },
  })
}

export interface Product {
  readonly id: number
  readonly category: number
  readonly price: number
}

/** The source: products in categories. Counts what it is asked. */
export class Shop {
  readonly rows = new Map<number, Product>()
  groupOfs = 0
  loads: number[] = []

  /** So many products, `id % 10` being their category. */
  constructor(count = 30) {
    for (let id = 1; id <= count; id++) this.rows.set(id, { id, category: id % 10, price: 1 })
  }

  row(id: number): Product {
    return this.rows.get(id)!
  }

  change(id: number, patch: Partial<Product>): void {
    this.rows.set(id, { ...this.row(id), ...patch })
  }

  of(category: number): readonly Product[] {
    return [...this.rows.values()].filter((row) => row.category === category)
  }

  readonly groupOf = async (id: number): Promise<number | null> => {
    this.groupOfs++
    return this.rows.get(id)?.category ?? null
  }

  readonly loadGroup = async (category: number): Promise<readonly Product[]> => {
    this.loads.push(category)
    return this.of(category)
  }

  /** What has been asked since the last call. */
  asked(): { readonly groupOf: number; readonly loadGroup: number } {
    const asked = { groupOf: this.groupOfs, loadGroup: this.loads.length }
    this.groupOfs = 0
    this.loads = []
    return asked
  }
}

export type Options = Partial<HierarchicalOptions<Product, number, number>>

export function productsOf(
  client: CacheClient,
  shop: Shop,
  options: Options = {},
): Hierarchical<Product, number, number> {
  return createHierarchical<Product, number, number>({
    client,
    ttl: '1h',
    item: { prefix: 'product', id: (product) => product.id },
    group: { prefix: 'category', id: (product) => product.category },
    groupOf: shop.groupOf,
    loadGroup: shop.loadGroup,
    ...options,
  })
}
