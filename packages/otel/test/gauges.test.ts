import { createCacheClient, InvalidOptionError, type CacheClient } from '@cache/core'
import { addGauge } from '@cache/core/internal'
import { ioredisDriver } from '@cache/core/ioredis'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { createAside } from '@cache/aside'
import { startRedis, type RedisServer } from '@cache/testkit'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { instrumentCache } from '../src/index.js'
import { recording } from './recording.js'

let server: RedisServer
let redis: Redis
let client: CacheClient
beforeAll(async () => {
  server = await startRedis()
})
beforeEach(async () => {
  await server.flush()
  redis = new Redis(server.url)
  client = createCacheClient(ioredisDriver(redis), {
    namespace: 'shop',
    resilience: { readTimeout: '20s', writeTimeout: '20s' },
    onError: () => undefined,
  })
})
afterEach(async () => {
  await client.close()
  redis.disconnect()
})
afterAll(() => server.stop())

const scores = () =>
  createWriteBehind({
    client,
    prefix: 'scores',
    ttl: '1h',
    load: async (_id: string): Promise<number | undefined> => undefined,
  })

const shop = { 'cache.namespace': 'shop' }
const queue = { ...shop, 'cache.name': 'scores' }

it('a queue has a depth, an age, dead letters and partitions without an owner', async () => {
  await using sdk = recording()
  using _ = instrumentCache({ meter: sdk.meter, tracer: false, clients: [client], timeout: '20s' })
  const queued = scores()
  await Promise.all(['a', 'b', 'c'].map((id) => queued.put(id, 1)))
  const found = await sdk.metrics()
  expect(found['cache.queue.depth']).toEqual({
    unit: '{write}',
    points: [{ attributes: queue, value: 3 }],
  })
  const age = found['cache.queue.age']!
  expect(age.unit).toBe('s')
  expect(age.points[0]!.attributes).toEqual(queue)
  expect(age.points[0]!.value).toBeGreaterThanOrEqual(0)
  expect(found['cache.queue.dead_letters']!.points).toEqual([{ attributes: queue, value: 0 }])
  expect(found['cache.queue.unowned']!.points[0]!.value).toBeGreaterThan(0)

  const worker = createWriteBehindWorker<number>({
    client,
    prefix: 'scores',
    flush: (writes) => writes.map(({ id }) => ({ id, error: new Error('refused') })),
    retry: { attempts: 1 },
  })
  const stop = new AbortController()
  const running = worker.run({ signal: stop.signal })
  await vi.waitFor(
    async () => {
      const after = await sdk.metrics()
      expect(after['cache.queue.depth']!.points).toEqual([{ attributes: queue, value: 0 }])
      expect(after['cache.queue.dead_letters']!.points).toEqual([{ attributes: queue, value: 3 }])
      expect(after['cache.queue.unowned']!.points).toEqual([{ attributes: queue, value: 0 }])
    },
    { timeout: 20_000 },
  )
  stop.abort()
  await running
})

it('a near cache has entries and a size, and a bus is live', async () => {
  await using sdk = recording()
  const instrumentation = instrumentCache({ meter: sdk.meter, tracer: false })
  instrumentation.observe(client)
  const bus = createInvalidationBus({ client, channel: 'changes', heartbeat: '30s' })
  await bus.ready()
  const near = withNearCache(client, { bus })
  instrumentation.observe(near) // It shares what is measured with its client.
  const products = createAside<string>({ client: near, prefix: 'product', ttl: '1h' })
  await vi.waitFor(
    async () => {
      await products.getOrLoadMany([1, 2], async () => ['chair', 'table'])
      expect(near.near.stats().entries).toBe(2)
    },
    { timeout: 20_000 },
  )
  const found = await sdk.metrics()
  const channel = found['cache.bus.live']!.points[0]!.attributes['cache.bus']
  expect(channel).toContain('changes')
  const named = { ...shop, 'cache.bus': channel }
  expect(found['cache.bus.live']!.points).toEqual([{ attributes: named, value: 1 }])
  expect(found['cache.near.entries']!.points).toEqual([{ attributes: shop, value: 2 }])
  expect(found['cache.near.size']).toEqual({
    unit: 'By',
    points: [{ attributes: shop, value: near.near.stats().bytes }],
  })
  expect(found['cache.near.answering']!.points).toEqual([{ attributes: shop, value: 1 }])

  await near.close()
  await bus.close()
  const after = await sdk.metrics()
  expect(after['cache.near.entries']!.points).toEqual([{ attributes: shop, value: 0 }])
  expect(after['cache.bus.live']!.points).toEqual([{ attributes: named, value: NaN }])
  instrumentation.close()
})

it('an open circuit is counted, and a queue that can’t be measured is NaN', async () => {
  await using sdk = recording()
  const other = new Redis(server.url)
  const impatient = createCacheClient(ioredisDriver(other), {
    namespace: 'impatient',
    onError: () => undefined,
    resilience: { readTimeout: 200, writeTimeout: 200, breaker: { failures: 3, cooldown: '1m' } },
  })
  using _ = instrumentCache({ meter: sdk.meter, tracer: false, clients: [impatient] })
  const named = { 'cache.namespace': 'impatient' }
  const queued = createWriteBehind({
    client: impatient,
    prefix: 'scores',
    ttl: '1h',
    load: async (_id: string): Promise<number | undefined> => undefined,
  })
  const circuits = async () => (await sdk.metrics())['cache.circuit.count']!.points
  await vi.waitFor(
    async () => {
      await queued.put('a', 1)
      expect((await sdk.metrics())['cache.queue.depth']!.points[0]!.value).toBe(1)
    },
    { timeout: 20_000 },
  )
  expect(await circuits()).toEqual([
    { attributes: { ...named, 'cache.circuit.state': 'open' }, value: 0 },
    { attributes: { ...named, 'cache.circuit.state': 'half-open' }, value: 0 },
  ])
  await server.pause()
  await vi.waitFor(async () => expect((await circuits())[0]!.value).toBe(1), { timeout: 20_000 })
  const found = await sdk.metrics()
  expect(found['cache.queue.depth']!.points).toEqual([
    { attributes: { ...named, 'cache.name': 'scores' }, value: NaN },
  ])
  await server.resume()
  await impatient.close()
  expect((await circuits())[0]!.value).toBe(0)
  other.disconnect()
})

it('a gauge that fails or hangs holds up a collection for no longer than the timeout', async () => {
  await using sdk = recording()
  using _ = instrumentCache({
    meter: sdk.meter,
    tracer: false,
    clients: [client],
    timeout: '100ms',
  })
  addGauge(client, 'queue', 'hangs', client, () => new Promise(() => undefined))
  addGauge(client, 'queue', 'broken', client, () => Promise.reject(new Error('broken')))
  addGauge(client, 'bus', 'works', client, () => ({ live: false }))
  const found = await sdk.metrics()
  expect(found['cache.bus.live']!.points).toEqual([
    { attributes: { ...shop, 'cache.bus': 'works' }, value: 0 },
  ])
  expect(found['cache.queue.depth']).toBeUndefined()
})

it('gauges of one name are combined: the same queue once, near caches together', async () => {
  await using sdk = recording()
  using _ = instrumentCache({ meter: sdk.meter, tracer: false, clients: [client, client] })
  for (const writes of [2, 5, 3])
    addGauge(client, 'queue', 'q', client, () => ({
      writes,
      oldest: 10,
      deadLetters: 0,
      unowned: 0,
    }))
  for (const live of [true, false]) addGauge(client, 'bus', 'b', client, () => ({ live }))
  for (const entries of [1, 2])
    addGauge(client, 'near', '', client, () => ({ entries, bytes: 10, answering: true }))
  const found = await sdk.metrics()
  const values = (name: string) => found[name]!.points.map(({ value }) => value)
  expect(values('cache.queue.depth')).toEqual([5])
  expect(values('cache.bus.live')).toEqual([0])
  expect(values('cache.near.entries')).toEqual([3])
  expect(values('cache.near.size')).toEqual([20])
})

it('nothing is measured once the instrumentation is closed', async () => {
  await using sdk = recording()
  const measure = vi.fn(() => ({ live: true }))
  addGauge(client, 'bus', 'b', client, measure)
  const instrumentation = instrumentCache({ meter: sdk.meter, tracer: false, clients: [client] })
  await sdk.metrics()
  expect(measure).toHaveBeenCalledTimes(1)
  instrumentation.close()
  await sdk.metrics()
  expect(measure).toHaveBeenCalledTimes(1)
  expect(() => instrumentation.observe({} as CacheClient)).toThrow(InvalidOptionError)
})
