import { createAside } from '@cache/aside'
import { createCacheClient, slot, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { jump, ketama, rendezvous, shardedDriver, type Placement } from '@cache/sharding'
import { startRedisCluster, startRedis, startRedisSentinel } from '@cache/testkit'
import { createWriteBehind } from '@cache/write-behind'
import { Cluster, Redis } from 'ioredis-6'
import { product, type Product } from '../workload/product.js'
import { measureInRounds, type Task } from '../measure/rounds.js'
import { precise } from '../measure/statistics.js'
import type { Row, Scenario } from './scenario.js'

const IDS = 1_000

/**
 * Runs the same operations on one server, with a replica, on three servers and on a Cluster. It
 * shows the cost of scaling out before you need it.
 */
export const growing: Scenario = {
  name: 'growing',
  about:
    'Cached reads, invalidations and queued writes, 100 in flight, on one server, with a replica ' +
    'behind Sentinel, on 3 shards and on a Cluster of 3 + 3, all on this machine; ' +
    'against one server.',
  async run(scale) {
    await using standalone = await startRedis()
    await using sentinel = await startRedisSentinel({ replicas: 1, sentinels: 1 })
    await using cluster = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })
    await using a = await startRedis()
    await using b = await startRedis()
    await using c = await startRedis()
    const shards = [a, b, c].map(({ url }) => new Redis(url))
    const clients = {
      standalone: new Redis(standalone.url),
      sentinel: new Redis({ sentinels: [...sentinel.addresses], name: sentinel.name }),
      cluster: new Cluster([...cluster.addresses]),
    }
    const topologies: {
      readonly name: string
      readonly driver: Driver
      readonly replicas: number
    }[] = [
      { name: 'one server', driver: ioredisDriver(clients.standalone), replicas: 0 },
      { name: 'Sentinel, 1 replica', driver: ioredisDriver(clients.sentinel), replicas: 1 },
      {
        name: '3 shards',
        driver: shardedDriver({
          shards: Object.fromEntries(
            shards.map((shard, i) => [`shard ${i}`, ioredisDriver(shard)]),
          ),
        }),
        replicas: 0,
      },
      { name: 'Cluster of 3 + 3', driver: ioredisDriver(clients.cluster), replicas: 1 },
    ]
    const profile =
      scale === 'full'
        ? { inFlight: 100, operations: 5_000, rounds: 11 }
        : { inFlight: 100, operations: 100, rounds: 1 }
    const opened = await Promise.all(
      topologies.map(async ({ name, driver, replicas }) => ({
        name,
        driver,
        tasks: await tasksOn(createCacheClient(driver), replicas),
      })),
    )
    const rows = opened.map(({ name }): Record<string, string | number> & { name: string } => ({
      name,
    }))
    for (const kind of [
      'hit',
      'invalidation',
      'queued write',
      'queued write, on a replica',
    ] as const) {
      const tasks = opened.flatMap(({ name, tasks }): Task[] =>
        tasks[kind] ? [{ name, bare: 'one server', run: tasks[kind] }] : [],
      )
      // Without a replica, the only comparison is a write that does not wait for a replica.
      if (kind === 'queued write, on a replica')
        tasks.push({
          name: 'one server',
          bare: 'one server',
          run: opened[0]!.tasks['queued write']!,
        })
      for (const { name, ratio } of await measureInRounds(
        tasks,
        kind === 'queued write, on a replica'
          ? { ...profile, operations: Math.ceil(profile.operations / 10) }
          : profile,
      )) {
        const row = rows.find((candidate) => candidate.name === name)!
        if (kind !== 'queued write, on a replica' || name !== 'one server')
          row[`${kind}, times one server`] = precise(ratio)
      }
    }
    for (const row of rows) row['queued write, on a replica, times one server'] ??= 'none'
    await Promise.all(opened.map(({ driver }) => driver.close()))
    for (const client of [...shards, ...Object.values(clients)]) client.disconnect()
    return { shown: 'hit, times one server', better: 'more', rows }
  },
}

type Kind = 'hit' | 'invalidation' | 'queued write' | 'queued write, on a replica'

async function tasksOn(
  client: CacheClient,
  replicas: number,
): Promise<Partial<Record<Kind, () => Promise<unknown>>>> {
  const cache = createAside<Product, number>({ client, prefix: 'product', ttl: '1h' })
  const queue = (durable: boolean) =>
    createWriteBehind<Product | null, number, Product>({
      client,
      prefix: durable ? 'durable' : 'queue',
      ttl: '1h',
      load: async () => null,
      maxPending: 10_000_000,
      ...(durable && { durability: { replicas, timeout: '5s' } }),
    })
  const [plain, durable] = [queue(false), replicas > 0 ? queue(true) : undefined]
  for (let id = 0; id < IDS; id++) await cache.getOrLoad(id, () => product(id))
  let next = 0
  const id = (): number => next++ % IDS
  return {
    hit: () =>
      cache.getOrLoad(id(), () => {
        throw new Error('The value must be cached.')
      }),
    invalidation: () => cache.invalidate(IDS + id()),
    'queued write': () => plain.put(id(), product(1)),
    ...(durable && { 'queued write, on a replica': () => durable.put(id(), product(1)) }),
  }
}

const SIZES = [3, 10, 100, 1_000]
const BULK = 100

/**
 * Simulates the placement of keys without servers: how keys, bulk reads and outages change with the
 * number of servers.
 */
export const growth: Scenario = {
  name: 'growth',
  about:
    `The placement of keys on ${SIZES.join(', ')} servers, simulated: how much more than the ` +
    'average the fullest has, how many keys move when one is added, which share of the keys is ' +
    `lost with one, and on how many servers a bulk of ${BULK} keys is.`,
  async run(scale) {
    const count = scale === 'full' ? 1_000_000 : 5_000
    const rows = SIZES.flatMap((size) =>
      [rendezvous(), jump(), ketama(), cluster].map((placement): Row => {
        const [before, after] = [placement.build(named(size)), placement.build(named(size + 1))]
        const counts = new Uint32Array(size)
        let moved = 0
        let touched = 0
        let bulk = new Set<number>()
        for (let i = 0; i < count; i++) {
          const key = `shop:product:${i}`
          const index = before(key)
          counts[index]!++
          bulk.add(index)
          if (after(key) !== index) moved++
          if ((i + 1) % BULK === 0) {
            touched += bulk.size
            bulk = new Set()
          }
        }
        return {
          name: `${size} servers, ${placement.name}`,
          'fullest / average': Number((Math.max(...counts) / (count / size)).toFixed(3)),
          'moved by one more, %': precise((moved / count) * 100),
          'gone with one, %': precise((Math.max(...counts) / count) * 100),
          [`servers of ${BULK} keys`]: precise(touched / (count / BULK)),
        }
      }),
    )
    return { shown: 'fullest / average', better: 'less', rows }
  },
}

const SLOTS = 16_384

/** Like `redis-cli --cluster rebalance`: a new server gets slots from those that have the most. */
const cluster: Placement = {
  name: 'Cluster',
  build(shards) {
    const slotsOf: number[][] = [Array.from({ length: SLOTS }, (_, index) => index)]
    for (let count = 2; count <= shards.length; count++) {
      const own: number[] = []
      while (own.length < Math.floor(SLOTS / count))
        own.push(
          slotsOf.reduce((most, slots) => (slots.length > most.length ? slots : most)).pop()!,
        )
      slotsOf.push(own)
    }
    const owners = new Uint16Array(SLOTS)
    for (const [owner, slots] of slotsOf.entries()) for (const index of slots) owners[index] = owner
    return (key) => owners[slot(key)]!
  },
}

function named(count: number): { readonly name: string; readonly weight: number }[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `10.0.${i >> 8}.${i & 255}:6379`,
    weight: 1,
  }))
}
