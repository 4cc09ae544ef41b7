import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createHierarchical } from '@cache/hierarchical'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { product } from '../workload/product.js'
import { measureInRounds } from '../measure/rounds.js'
import { precise } from '../measure/statistics.js'
import type { Scenario } from './scenario.js'

const FEW = 10
const MANY = 5_000

/** Creates products. The first few are in group 0, and many are in group 1. */
function open(url: string) {
  const redis = new Redis(url)
  const driver = ioredisDriver(redis)
  let trips = 0
  const client = createCacheClient(
    {
      ...driver,
      send: (commands, how) => {
        trips++
        return driver.send(commands, how)
      },
    },
    { resilience: { readTimeout: '10s', writeTimeout: '10s' } },
  )
  const items = (group: number) =>
    Array.from({ length: group === 0 ? FEW : MANY }, (_, i) => ({
      ...product(i),
      id: group === 0 ? i : FEW + i,
      group,
    }))
  const products = createHierarchical({
    client,
    ttl: '1h',
    item: { prefix: 'product', id: (item: ReturnType<typeof items>[number]) => item.id },
    group: { prefix: 'category', id: (item: ReturnType<typeof items>[number]) => item.group },
    groupOf: (id: number) => (id < FEW ? 0 : 1),
    loadGroup: items,
  })
  return {
    products,
    forget: (id: number) => redis.del(`product:${id}`),
    async tripsOf(work: () => Promise<unknown>): Promise<number> {
      trips = 0
      await work()
      return trips
    },
    async close() {
      await client.close()
      redis.disconnect()
    },
  }
}

export const hierarchy: Scenario = {
  name: 'item of a group',
  about:
    `An item that is cached alone; from its cached group of ${FEW} items and of ${MANY}, the ` +
    'latter a hash; and whole groups. One after the other. Reads from a group include a DEL.',
  async run(scale) {
    await using server = await startRedis()
    const { products, forget, tripsOf, close } = open(server.url)
    for (let i = 0; i < 30; i++) for (const id of [0, FEW]) await products.get(id)
    for (const group of [0, 1]) await products.getGroup(group)
    const outOf = (id: number) => async () => {
      await forget(id)
      await products.get(id)
    }
    const tasks = [
      { name: 'an item, by itself', run: () => products.get(0) },
      { name: `an item, out of a group of ${FEW}`, run: outOf(0) },
      { name: `an item, out of a group of ${MANY}`, run: outOf(FEW) },
      { name: `a group of ${FEW}`, run: () => products.getGroup(0) },
      { name: `a group of ${MANY}`, run: () => products.getGroup(1) },
    ].map((work) => ({ ...work, bare: 'an item, by itself' }))
    const trips = new Map<string, number>()
    for (const { name, run } of tasks) trips.set(name, await tripsOf(run))
    const speeds = await measureInRounds(tasks, {
      inFlight: 1,
      operations: scale === 'full' ? 100 : 3,
      rounds: scale === 'full' ? 15 : 1,
    })
    await close()
    return {
      shown: 'times an item',
      better: 'less',
      rows: speeds.map(({ name, microseconds, cpu, ratio }) => ({
        name,
        'round trips': trips.get(name)!,
        'µs each': precise(microseconds),
        'CPU µs each': precise(cpu),
        'times an item': precise(1 / ratio),
      })),
    }
  },
}

export const groupInvalidation: Scenario = {
  name: 'invalidate a group',
  about: `Invalidation of a group of ${FEW} cached items, and of one of ${MANY}.`,
  async run(scale) {
    await using server = await startRedis()
    const { products, tripsOf, close } = open(server.url)
    const tasks = [
      [FEW, 0],
      [MANY, 1],
    ].map(([size, group]) => ({
      name: `${size} items`,
      bare: `${FEW} items`,
      run: () => products.invalidateGroup(group!),
    }))
    await products.getMany(Array.from({ length: FEW + MANY }, (_, id) => id))
    const trips = new Map<string, number>()
    for (const { run } of tasks) await run() // Loads the script into the server.
    for (const { name, run } of tasks) trips.set(name, await tripsOf(run))
    const speeds = await measureInRounds(tasks, {
      inFlight: 1,
      operations: scale === 'full' ? 2_000 : 5,
      rounds: scale === 'full' ? 15 : 1,
    })
    await close()
    return {
      shown: 'times few',
      better: 'less',
      rows: speeds.map(({ name, microseconds, ratio }) => ({
        name,
        'round trips': trips.get(name)!,
        'µs each': precise(microseconds),
        'times few': precise(1 / ratio),
      })),
    }
  },
}
