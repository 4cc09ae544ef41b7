import { setTimeout as sleep } from 'node:timers/promises'
import { createAside } from '@cache/aside'
import { InvalidOptionError, channels, createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createLocks } from '@cache/lock'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { everythingShown, startRedis, type RedisServer } from '@cache/testkit'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { DiagLogLevel, context, diag, trace, type Meter } from '@opentelemetry/api'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { instrumentCache } from '../src/index.js'
import { recording } from './recording.js'

let server: RedisServer
let redis: Redis
let client: CacheClient
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  client = createCacheClient(ioredisDriver(redis), {
    namespace: 'shop',
    resilience: { readTimeout: '20s', writeTimeout: '20s' },
  })
})
beforeEach(() => server.flush())
afterAll(async () => {
  await client.close()
  redis.disconnect()
  await server.stop()
})

const products = () =>
  createAside<string>({ client, prefix: 'product', ttl: '10m', staleWhileRevalidate: '1h' })

async function flushThree(): Promise<void> {
  const scores = createWriteBehind({
    client,
    prefix: 'scores',
    ttl: '1h',
    load: async (_id: string): Promise<number | undefined> => undefined,
  })
  const worker = createWriteBehindWorker<number>({
    client,
    prefix: 'scores',
    flush: async () => undefined,
  })
  const stop = new AbortController()
  const running = worker.run({ signal: stop.signal })
  await Promise.all(['a', 'b', 'c'].map((id) => scores.put(id, 1)))
  await Promise.all(['a', 'b', 'c'].map((id) => scores.flushed(id)))
  stop.abort()
  await running
  await scores.close()
}

describe('metrics', () => {
  it('count requests and loads by cache, and never by key', async () => {
    await using sdk = recording()
    using _ = instrumentCache({ meter: sdk.meter, tracer: false })
    const cache = products()
    await cache.getOrLoad(1, () => sleep(30, 'one'))
    await cache.getOrLoad(1, () => 'one')
    await cache.getOrLoad(1, () => 'one')
    await cache
      .getOrLoad(2, () => {
        throw new RangeError('no rows')
      })
      .catch(() => undefined)
    await cache.expire(1)
    await cache.getOrLoad(1, () => 'two') // The value is stale, and reloaded in the background.
    await expect.poll(() => cache.peek(1)).toBe('two')
    await cache.invalidate([1, 2, 3])
    const found = await sdk.metrics()
    const name = { 'cache.name': 'product' }
    expect(found['cache.requests']!.points).toEqual(
      expect.arrayContaining([
        { attributes: { ...name, 'cache.result': 'miss' }, value: 2 },
        { attributes: { ...name, 'cache.result': 'hit', 'cache.layer': 'redis' }, value: 2 },
        { attributes: { ...name, 'cache.result': 'stale', 'cache.layer': 'redis' }, value: 1 },
      ]),
    )
    const loads = found['cache.load.duration']!
    expect(loads.unit).toBe('s')
    expect(loads.points).toHaveLength(3)
    const first = loads.points.find(
      ({ attributes }) => !attributes['cache.background'] && !attributes['error.type'],
    )!
    expect(first.value).toBe(1)
    expect(first.sum).toBeGreaterThan(0.025)
    expect(first.sum).toBeLessThan(10)
    expect(loads.points).toContainEqual(
      expect.objectContaining({
        attributes: { ...name, 'cache.background': false, 'error.type': 'RangeError' },
        value: 1,
      }),
    )
    expect(loads.points).toContainEqual(
      expect.objectContaining({ attributes: { ...name, 'cache.background': true }, value: 1 }),
    )
    expect(found['cache.fills']!.points).toEqual([
      { attributes: { ...name, 'cache.stored': true }, value: 2 },
    ])
    expect(found['cache.invalidations']!.points).toEqual([{ attributes: {}, value: 3 }])
    expect(JSON.stringify(found)).not.toContain('product:1')
  })

  it('contain locks, limits and flushes', async () => {
    await using sdk = recording()
    using _ = instrumentCache({ meter: sdk.meter, tracer: false })
    const locks = createLocks({ client })
    const lock = await locks.acquire('secret-invoice')
    await locks.acquire('secret-invoice', { wait: 50 }).catch(() => undefined)
    await lock.release()
    await locks.close()
    const limiter = createRateLimiter({
      client,
      prefix: 'api',
      deadline: '10s',
      limits: [slidingWindow({ name: 'burst', limit: 2, window: '1m' })],
    })
    for (let i = 0; i < 3; i++) await limiter.consume('secret-user')
    await flushThree()
    const found = await sdk.metrics()
    expect(counts(found['cache.lock.wait.duration'])).toEqual({ acquired: 1, timeout: 1 })
    expect(counts(found['cache.lock.hold.duration'])).toEqual({ released: 1 })
    for (const name of ['cache.lock.wait.duration', 'cache.lock.hold.duration'])
      for (const { attributes } of found[name]!.points)
        expect(attributes['cache.locks']).toBe('lock')
    const limiterNamed = { 'cache.limiter': 'api', 'cache.ratelimit.degraded': false }
    expect(found['cache.ratelimit.decisions']!.points).toEqual(
      expect.arrayContaining([
        { attributes: { ...limiterNamed, 'cache.ratelimit.allowed': true }, value: 2 },
        {
          attributes: {
            ...limiterNamed,
            'cache.ratelimit.allowed': false,
            'cache.ratelimit.policy': 'burst',
          },
          value: 1,
        },
      ]),
    )
    expect(found['cache.flush.writes']!.points).toEqual([
      { attributes: { 'cache.name': 'scores' }, value: 3 },
    ])
    expect(found['cache.flush.duration']!.points[0]!.value).toBeGreaterThan(0)
    expect(JSON.stringify(found)).not.toContain('secret')
  })

  it('contain refused fills, lost locks and degraded decisions', async () => {
    await using sdk = recording()
    using _ = instrumentCache({ meter: sdk.meter, tracer: false })
    const cache = products()
    await cache.getOrLoad(1, async () => {
      await cache.invalidate(1)
      return 'one'
    })
    const locks = createLocks({ client })
    await locks.acquire('x')
    await locks.close()
    const away = createCacheClient(client.driver, { resilience: { writeTimeout: 100 } })
    const limiter = createRateLimiter({
      client: away,
      prefix: 'api',
      limits: [slidingWindow({ name: 'burst', limit: 2, window: '1m' })],
      deadline: 20,
    })
    await server.pause()
    await limiter.consume('x')
    await server.resume()
    const found = await sdk.metrics()
    expect(found['cache.fills']!.points).toEqual([
      { attributes: { 'cache.name': 'product', 'cache.stored': false }, value: 1 },
    ])
    expect(counts(found['cache.lock.hold.duration'])).toEqual({ lost: 1 })
    expect(found['cache.ratelimit.decisions']!.points).toEqual([
      {
        attributes: {
          'cache.limiter': 'api',
          'cache.ratelimit.allowed': true,
          'cache.ratelimit.degraded': true,
        },
        value: 1,
      },
    ])
  })

  it('count errors that no caller received', async () => {
    await using sdk = recording()
    using _ = instrumentCache({ meter: sdk.meter, tracer: false })
    await redis.set('shop:product:1', 'no JSON')
    expect(await products().getOrLoad(1, () => 'one')).toBe('one')
    const { points } = (await sdk.metrics())['cache.errors']!
    expect(points).toContainEqual({
      attributes: { 'cache.operation': 'decode', 'error.type': 'CODEC' },
      value: expect.any(Number) as number,
    })
  })
})

describe('spans', () => {
  it('are children of the span that asked for a load or a lock', async () => {
    await using sdk = recording()
    using _ = instrumentCache({ meter: false, tracer: sdk.tracer })
    const request = sdk.tracer.startSpan('request')
    await context.with(trace.setSpan(context.active(), request), async () => {
      await products().getOrLoad('secret', () => sleep(30, 'one'))
      await products()
        .getOrLoad('other', () => Promise.reject(new RangeError('no rows')))
        .catch(() => undefined)
      const locks = createLocks({ client })
      await locks.withLock('secret', () => undefined)
      await locks.close()
    })
    request.end()
    const [load, failed, wait] = sdk.spans()
    expect(load).toMatchObject({
      name: 'cache load product',
      attributes: { 'cache.name': 'product', 'cache.background': false },
      parentSpanContext: { spanId: request.spanContext().spanId },
    })
    const [seconds, nanoseconds] = load!.duration
    expect(seconds * 1_000 + nanoseconds / 1e6).toBeGreaterThan(25)
    expect(failed).toMatchObject({
      attributes: { 'error.type': 'RangeError' },
      status: { code: 2 },
      parentSpanContext: { spanId: request.spanContext().spanId },
    })
    expect(wait).toMatchObject({
      name: 'cache lock wait',
      attributes: { 'cache.locks': 'lock', 'cache.lock.outcome': 'acquired' },
      parentSpanContext: { spanId: request.spanContext().spanId },
    })
    // Both use the same clock.
    expect(Math.abs(wait!.endTime[0] - sdk.spans().at(-1)!.endTime[0])).toBeLessThan(60)
    expect(
      JSON.stringify(sdk.spans().map(({ name, attributes }) => ({ name, attributes }))),
    ).not.toContain('secret')
  })

  it('have the dates of the spans around them if the clock was set', async () => {
    await using sdk = recording()
    using _ = instrumentCache({ meter: false, tracer: sdk.tracer })
    const hour = 3_600_000
    const [now, { timeOrigin }] = [Date.now, performance]
    Date.now = () => now() + hour
    try {
      await products().getOrLoad('later', () => 'one')
    } finally {
      Date.now = now
    }
    expect(
      Math.abs(sdk.spans()[0]!.endTime[0] * 1_000 - (timeOrigin + performance.now() + hour)),
    ).toBeLessThan(60_000)
  })

  it('contain waits that timed out, and flushes', async () => {
    await using sdk = recording()
    using _ = instrumentCache({ meter: false, tracer: sdk.tracer, keys: true })
    const locks = createLocks({ client })
    const lock = await locks.acquire('x')
    await locks.acquire('x', { wait: 50 }).catch(() => undefined)
    await lock.release()
    await locks.close()
    await flushThree()
    const spans = sdk
      .spans()
      .map(({ name, attributes, status }) => ({ name, attributes, code: status.code }))
    expect(spans).toContainEqual({
      name: 'cache lock wait',
      attributes: {
        'cache.locks': 'lock',
        'cache.lock.outcome': 'timeout',
        'cache.lock.name': 'x',
        'error.type': 'LOCK_TIMEOUT',
      },
      code: 2,
    })
    expect(
      spans
        .filter(({ name }) => name === 'cache flush scores')
        .reduce((sum, { attributes }) => sum + Number(attributes['cache.flush.writes']), 0),
    ).toBe(3)
  })

  it('contain keys with `keys: true`', async () => {
    await using sdk = recording()
    using _ = instrumentCache({ meter: false, tracer: sdk.tracer, keys: true })
    await products().getOrLoad(42, () => 'one')
    expect(sdk.spans()[0]!.attributes).toMatchObject({ 'cache.key': 'shop:product:42' })
  })
})

describe('an instrumentation', () => {
  it('that is closed records nothing and has no listeners', async () => {
    await using sdk = recording()
    const instrumentation = instrumentCache({ meter: sdk.meter, tracer: sdk.tracer })
    instrumentation.close()
    instrumentation.close()
    await products().getOrLoad(1, () => 'one')
    expect(await sdk.metrics()).toEqual({})
    expect(sdk.spans()).toEqual([])
    for (const channel of Object.values(channels)) expect(channel.hasSubscribers).toBe(false)
  })

  it('whose instruments throw disturbs no cache, and logs the error', async () => {
    const logged: unknown[] = []
    const log = (...parts: unknown[]): void => void logged.push(parts.join(' '))
    diag.setLogger(
      { error: log, warn: log, info: log, debug: log, verbose: log },
      DiagLogLevel.ERROR,
    )
    const broken = () => ({
      add: () => {
        throw new Error('broken')
      },
      record: () => {
        throw new Error('broken')
      },
    })
    using _ = instrumentCache({
      meter: { createCounter: broken, createHistogram: broken } as unknown as Meter,
      tracer: false,
    })
    expect(await products().getOrLoad(1, () => 'one')).toBe('one')
    await sleep(10)
    expect(logged.join('\n')).toMatch(/cache:miss.*broken/)
    diag.disable()
  })

  it('uses the global providers, and does nothing without them', async () => {
    using _ = instrumentCache()
    expect(await products().getOrLoad(1, () => 'one')).toBe('one')
  })

  it.each([
    [{ meter: {} }, 'meter'],
    [{ meter: null }, 'meter'],
    [{ tracer: 1 }, 'tracer'],
    [{ keys: 'yes' }, 'keys'],
    [{ trace: false }, 'trace'],
    [{ clients: {} }, 'clients'],
    [{ clients: [undefined] }, 'clients.0'],
    [{ timeout: 'soon' }, 'timeout'],
    [null, 'instrumentCache'],
  ])('refuses %o', (options, name) => {
    const make = () => instrumentCache(options as never)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(new RegExp(`\\b${name}\\b`))
    for (const channel of Object.values(channels)) expect(channel.hasSubscribers).toBe(false)
  })
})

type Metric = Awaited<ReturnType<ReturnType<typeof recording>['metrics']>>[string] | undefined

const counts = (metric: Metric) =>
  Object.fromEntries(
    metric!.points.map(({ attributes, value }) => [attributes['cache.lock.outcome'], value]),
  )

it('keeps no series for each of any number of errors', async () => {
  await using sdk = recording()
  using _ = instrumentCache({ meter: sdk.meter, tracer: false })
  const cache = products()
  for (let i = 0; i < 300; i++)
    await cache
      .getOrLoad(i, () => Promise.reject(Object.assign(new Error('no'), { code: `E${i}` })))
      .catch(() => undefined)
  const { points } = (await sdk.metrics())['cache.load.duration']!
  expect(points.length).toBeLessThanOrEqual(101)
  expect(
    points.find(({ attributes }) => attributes['error.type'] === '_OTHER')!.value,
  ).toBeGreaterThanOrEqual(200)
})

it('records no values, passwords or error messages, only names of errors', async () => {
  const SECRET = 'V4LUE-of-a-customer'
  await using sdk = recording()
  using _ = instrumentCache({ meter: sdk.meter, tracer: sdk.tracer, keys: true })
  const cache = createAside<string>({ client, prefix: 'product', ttl: '10m' })
  await cache.set(1, SECRET)
  await cache
    .getOrLoad(2, () => {
      throw Object.assign(new RangeError(SECRET), { detail: SECRET })
    })
    .catch(() => undefined)
  await cache
    .getOrLoad(3, () => {
      throw Object.assign(new Error('no'), { code: `no row ${SECRET}` })
    })
    .catch(() => undefined)
  await server.cli('SADD', 'shop:product:4', SECRET)
  await cache.getOrLoad(4, () => SECRET)
  const wrong = new Redis({
    host: server.host,
    port: server.port,
    username: SECRET,
    password: SECRET,
    retryStrategy: () => 100,
  })
  await using refused = createCacheClient(ioredisDriver(wrong), {
    resilience: { readTimeout: '200ms', writeTimeout: '200ms' },
  })
  await createAside<string>({ client: refused, prefix: 'product', ttl: '10m' }).getOrLoad(
    5,
    () => SECRET,
  )
  wrong.disconnect()
  const shown = everythingShown([
    await sdk.metrics(),
    sdk
      .spans()
      .map(({ name, attributes, status, events }) => ({ name, attributes, status, events })),
  ])
  expect(shown).toContain('RangeError')
  expect(shown).not.toContain('V4LUE')
})
