import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { createLocks } from '@cache/lock'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { eventually, startRedis, startRedisCluster } from '@cache/testkit'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onCluster, onServer, type Made } from './drivers.js'

interface Servers {
  driver(): Made
  pause(): Promise<void>
  resume(): Promise<void>
  kill(): Promise<void>
  restart(): Promise<void>
  stop(): Promise<void>
}

describe.each([
  {
    topology: 'one server',
    async start(): Promise<Servers> {
      const redis = await startRedis()
      return Object.assign(redis, { driver: () => onServer(redis) })
    },
  },
  {
    topology: 'a Cluster',
    async start(): Promise<Servers> {
      const redis = await startRedisCluster()
      return Object.assign(redis, { driver: () => onCluster(redis.addresses) })
    },
  },
])('on $topology', ({ start }) => {
  let redis: Servers
  beforeAll(async () => void (redis = await start()))
  afterAll(() => redis.stop())

  it('a cache loads once, and no read is stale after an acknowledged invalidation', async () => {
    await using driver = redis.driver()
    const client = createCacheClient(driver, { namespace: 'aside' })
    const cache = createAside<number>({ client, prefix: 'p', ttl: '1m' })
    let version = 1
    let loads = 0
    const read = () => cache.getOrLoad(1, async () => (loads++, version))
    expect(await Promise.all(Array.from({ length: 50 }, read))).toEqual(Array(50).fill(1))
    expect(loads).toBe(1)
    for (let round = 0; round < 20; round++) {
      const readers = Array.from({ length: 10 }, read)
      await cache.mutate(1, async () => void version++)
      expect(await read()).toBe(version)
      await Promise.all(readers)
    }
    await client.close()
  })

  it('while Redis is paused or down, reads load from the source in time', async () => {
    await using driver = redis.driver()
    const client = createCacheClient(driver, { namespace: 'outage' })
    const cache = createAside<number>({ client, prefix: 'p', ttl: '1m' })
    let value = 1
    const read = () => cache.getOrLoad(1, async () => value)
    expect(await read()).toBe(1)
    await redis.pause()
    expect(await read()).toBe(1)
    expect(await cache.getOrLoad(2, async () => 2)).toBe(2)
    await redis.resume()
    await eventually(() =>
      cache.invalidate(1).then(
        () => true,
        () => false,
      ),
    )
    value = 2
    expect(await read()).toBe(2)
    await redis.kill()
    expect(await read()).toBe(2)
    await redis.restart()
    await eventually(
      () =>
        cache.invalidate(1).then(
          () => true,
          () => false,
        ),
      { within: 20_000 },
    )
    value = 3
    expect(await read()).toBe(3)
    await client.close()
  }, 60_000)

  it('near caches learn of invalidations, also after an outage', async () => {
    await using mine = redis.driver()
    await using yours = redis.driver()
    const sides = await Promise.all(
      [mine, yours].map(async (driver) => {
        const client = createCacheClient(driver, { namespace: 'near' })
        const bus = createInvalidationBus({ client, heartbeat: 500 })
        await eventually(
          () =>
            bus.ready().then(
              () => true,
              () => false,
            ),
          { within: 20_000 },
        )
        const near = withNearCache(client, { bus, maxEntries: 100, ttl: '1m' })
        return { client, bus, cache: createAside<number>({ client: near, prefix: 'p', ttl: '1m' }) }
      }),
    )
    const [me, you] = sides as [(typeof sides)[0], (typeof sides)[0]]
    let value = 1
    const load = async () => value
    const change = async () => {
      value++
      await eventually(
        () =>
          me.cache.invalidate(1).then(
            () => true,
            () => false,
          ),
        {
          within: 20_000,
        },
      )
      await eventually(async () => (await you.cache.getOrLoad(1, load)) === value)
      expect(await me.cache.getOrLoad(1, load)).toBe(value)
    }
    for (let round = 0; round < 10; round++) await change()
    await redis.kill()
    await redis.restart()
    for (let round = 0; round < 3; round++) await change()
    for (const { bus, client } of sides) {
      await bus.close()
      await client.close()
    }
  }, 60_000)

  it('a lock has one holder, and wakes the next one', async () => {
    await using driver = redis.driver()
    const client = createCacheClient(driver, { namespace: 'lock' })
    const locks = createLocks({ client })
    let inside = 0
    const fences: number[] = []
    await Promise.all(
      Array.from({ length: 20 }, () =>
        locks.withLock(
          'job',
          async ({ fence }) => {
            expect(++inside).toBe(1)
            await new Promise((resolve) => setTimeout(resolve, 2))
            inside--
            fences.push(fence)
          },
          { wait: '20s' },
        ),
      ),
    )
    expect(fences).toEqual([...fences].sort((a, b) => a - b))
    expect(new Set(fences).size).toBe(20)
    await client.close()
  }, 60_000)

  it('queued writes reach the database', async () => {
    await using driver = redis.driver()
    const client = createCacheClient(driver, { namespace: 'queue' })
    const table = new Map<string, number>()
    const options = { client, prefix: 'w' }
    const cache = createWriteBehind<number, string, number>({
      ...options,
      ttl: '1m',
      load: async (id) => table.get(id) ?? 0,
      merge: (_, next) => next,
    })
    const worker = createWriteBehindWorker<number>({
      ...options,
      flush: async (writes) => {
        for (const { id, value } of writes) if (value !== null) table.set(id, value)
      },
    })
    const stop = new AbortController()
    const running = worker.run({ signal: stop.signal })
    await Promise.all(Array.from({ length: 100 }, (_, i) => cache.update(String(i), i)))
    await Promise.all(Array.from({ length: 100 }, (_, i) => cache.flushed(String(i))))
    expect([...table.values()].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    )
    stop.abort()
    await running
    await client.close()
  }, 60_000)
})
