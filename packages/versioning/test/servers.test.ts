import { createCacheClient, slot, type CacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { eventually, startRedisCluster, startRedis, type Address } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createCluster } from 'redis'
import { afterEach, describe, expect, it } from 'vitest'
import { createVersioned } from '../src/index.js'
import { Shop, how, productsOf } from './cases.js'

const MANY = process.env.CHAOS ? 1_000_000 : 4_000
const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function connect(redis: Redis | Cluster): CacheClient {
  return on(ioredisDriver(redis), () => redis.disconnect())
}

const connectCluster = {
  ioredis: (nodes: readonly Address[]): CacheClient => connect(new Cluster([...nodes])),
  'node-redis'(nodes: readonly Address[]): CacheClient {
    const redis = createCluster({
      rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })),
    })
    return on(nodeRedisDriver(redis), () => redis.destroy())
  },
} as const

function on(driver: Driver, end: () => unknown): CacheClient {
  const client = createCacheClient(driver, {
    namespace: 'shop',
    resilience: { readTimeout: '20s', writeTimeout: '20s', maxInFlight: 100_000 },
  })
  ends.push(() => client.close(), end)
  return client
}

it(`a bump of ${MANY} entries is one command, and costs as much as of one entry`, async () => {
  const server = await startRedis()
  ends.push(() => server.stop())
  const client = connect(new Redis(server.url))
  const values = createVersioned({
    client,
    prefix: 'v',
    ttl: '1h',
    load: (id: number) => id,
    groups: (id) => (id === 0 ? ['one'] : ['many']),
  })
  await values.getMany([0])
  for (let from = 1; from <= MANY; from += 5_000) {
    const ids = Array.from({ length: Math.min(5_000, MANY - from + 1) }, (_, i) => from + i)
    await values.getMany(ids)
  }
  expect(await client.send({ args: ['DBSIZE'], keys: [] })).toBe(1 + MANY + 2)

  /** µs of the server for so many bumps. */
  const timed = async (group: string): Promise<number> => {
    await server.cli('CONFIG', 'RESETSTAT')
    for (let i = 0; i < 100; i++) await values.bump(group)
    const [, calls, usec] = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(
      await server.cli('INFO', 'commandstats'),
    )!
    expect(calls).toBe('100')
    return Number(usec)
  }
  await timed('many')
  const ratios: number[] = []
  for (let round = 0; round < 5; round++) ratios.push((await timed('many')) / (await timed('one')))
  expect(ratios.sort((a, b) => a - b)[2]).toBeLessThan(2)
  expect(await values.peek(1)).toBeUndefined()
  expect(await values.peek(MANY)).toBeUndefined()
}, 900_000)

// Each failover needs a Cluster of its own.
describe.each(process.env.CHAOS ? how : how.slice(2))('groups %s', (way) => {
  it('when Redis evicts the version, no entry of the group returns', async () => {
    const server = await startRedis({
      config: { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-random' },
    })
    ends.push(() => server.stop())
    const redis = new Redis(server.url)
    const client = connect(redis)
    const ids = Array.from({ length: 400 }, (_, i) => i * 10 + 7)

    async function evict() {
      await server.flush()
      const shop = new Shop()
      const products = productsOf(client, shop, way)
      for (let i = 0; i < 3; i++) await products.getMany(ids)
      for (const id of ids) shop.change(id, { price: 2 })
      const bumped = await products.bump('category:7')
      shop.loads = 0
      for (const id of ids) shop.change(id, { price: 3 })
      await products.getMany(ids.slice(0, 200)) // These carry the version that gets lost.
      const used = Number(/used_memory:(\d+)/.exec(await server.cli('INFO', 'memory'))![1])
      await server.cli('CONFIG', 'SET', 'maxmemory', String(used))
      for (let i = 0; (await redis.exists('shop:version-of:category%3A7')) === 1; i++)
        await redis.set(`garbage:${i}`, 'x'.repeat(100))
      await server.cli('CONFIG', 'SET', 'maxmemory', '0')
      return { shop, products, bumped, left: (await redis.keys('shop:product:*')).length }
    }

    let evicted = await evict()
    // Redis evicts at random. Once in a few hundred times, the version is evicted last.
    for (let again = 0; evicted.left === 0 && again < 2; again++) evicted = await evict()
    const { shop, products, bumped, left } = evicted
    expect(left).toBeGreaterThan(0)
    for (const id of ids) shop.change(id, { price: 4 })
    expect((await products.versions(['category:7'])).get('category:7')).toBeGreaterThan(
      bumped.get('category:7')!,
    )
    expect((await products.getMany(ids)).filter((product) => product?.price !== 4)).toEqual([])
  })

  it.each(['ioredis', 'node-redis'] as const)(
    'when a failover loses the version, no entry of the group returns: %s',
    async (kind) => {
      const cluster = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })
      ends.push(() => cluster.stop())
      const shop = new Shop()
      const products = productsOf(connectCluster[kind](cluster.addresses), shop, way, {
        clockSkew: 1,
      })
      await products.bump('warm')
      const key = 'shop:version-of:category%3A7'
      const primary = await primaryOf(key)
      const replica = await replicaOf(primary)
      await replica.pause()
      // Writes from now on reach no replica.
      await primary.cli('CLIENT', 'KILL', 'TYPE', 'replica')
      const elsewhere: number[] = []
      for (let id = 7; elsewhere.length < 5; id += 10)
        if ((await primaryOf(`shop:product:${id}`)) !== primary) elsewhere.push(id)
      for (let i = 0; i < 3; i++) await products.getMany(elsewhere)
      if (way.endsWith('stamp'))
        expect(await products.peek(elsewhere[0]!)).toMatchObject({ price: 1 })
      await primary.pause()
      await replica.resume()
      await cluster.failover(primary, { takeover: true })
      for (const id of elsewhere) shop.change(id, { price: 2 })
      const asked = connectCluster[kind](cluster.nodes.filter((node) => node !== primary))
      const after = productsOf(asked, shop, way, { clockSkew: 1 })
      expect(await asked.send({ args: ['EXISTS', key], keys: [key] })).toBe(0)
      expect((await after.getMany(elsewhere)).map((product) => product?.price)).toEqual(
        elsewhere.map(() => 2),
      )
      await primary.resume()

      async function primaryOf(name: string) {
        const slots = (await cluster.primaries[0]!.cli('CLUSTER', 'NODES'))
          .split('\n')
          .filter((line) => / (?:myself,)?master /.test(line))
        const line = slots.find((one) =>
          one
            .split(' ')
            .slice(8)
            .some((range) => {
              const [from, to = from] = range.split('-').map(Number)
              return slot(name) >= from! && slot(name) <= to!
            }),
        )!
        return cluster.nodes.find(({ id }) => line.startsWith(id))!
      }

      async function replicaOf(primary: { readonly id: string }) {
        let line = ''
        await eventually(async () => {
          line =
            (await cluster.primaries[0]!.cli('CLUSTER', 'NODES'))
              .split('\n')
              .find((one) => one.includes(`slave ${primary.id}`)) ?? ''
          return line !== ''
        })
        return cluster.nodes.find(({ id }) => line.startsWith(id))!
      }
    },
    120_000,
  )
})

it('a version outlives its entries: its ttl begins anew when they are loaded', async () => {
  const server = await startRedis()
  ends.push(() => server.stop())
  const client = connect(new Redis(server.url))
  const values = createVersioned({
    client,
    prefix: 'v',
    ttl: '1h',
    load: (id: number) => id,
    groups: () => ['g'],
  })
  await values.get(1)
  const life = async (): Promise<number> => Number(await server.cli('PTTL', 'shop:version-of:g'))
  expect(await life()).toBeGreaterThan(29 * 86_400_000)
  await server.cli('PEXPIRE', 'shop:version-of:g', 10 * 86_400_000)
  await values.get(2)
  expect(await life()).toBeGreaterThan(29 * 86_400_000)
  expect(await values.peek(1)).toBe(1)
  const long = createVersioned({
    client,
    prefix: 'w',
    ttl: '60d',
    load: (id: number) => id,
    groups: () => ['h'],
  })
  await long.get(1)
  expect(Number(await server.cli('PTTL', 'shop:version-of:h'))).toBeGreaterThan(119 * 86_400_000)
})
