import {
  channels,
  createCacheClient,
  type CacheClient,
  type Driver,
  type ResilienceOptions,
} from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startProxy, startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type OnOutage,
  type RateLimiterOptions,
} from '../src/index.js'
import { Limiter } from '../src/limiter.js'
import { keysWithoutTtl } from './matrix.js'

const drivers: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  ioredis(url) {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

const DEADLINE = 50
/** The deadline, with a margin for a machine that is busy with other tests. */
const MAX_DURATION = DEADLINE + 1_500
/**
 * The options of a client that waits for long and never opens its circuit, so that only the
 * limiter's deadline ends a call.
 */
const PATIENT: ResilienceOptions = {
  readTimeout: 30_000,
  writeTimeout: 30_000,
  breaker: { failures: 1_000_000 },
}
const limits = [
  slidingWindow({ name: 'burst', limit: 4, window: '1m' }),
  gcra({ name: 'daily', limit: 1_000, window: '1d', burst: 8 }),
]
const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

describe.each(Object.keys(drivers))('on %s', (name) => {
  const cleanups: (() => unknown)[] = []
  afterEach(async () => {
    while (cleanups.length > 0) await cleanups.pop()!()
    expect(unhandled).toEqual([])
  })

  function connect(
    url: string,
    resilience: ResilienceOptions = { breaker: { failures: 5, cooldown: 100 } },
  ): CacheClient {
    const { driver, end } = drivers[name]!(url)
    const client = createCacheClient(driver, { resilience })
    cleanups.push(end, () => client.close())
    return client
  }

  async function start() {
    const server = await startRedis()
    cleanups.push(
      () => server.stop(),
      async () => {
        expect(await keysWithoutTtl(connect(server.url, PATIENT))).toEqual([])
      },
    )
    return server
  }

  const make = (
    client: CacheClient,
    onOutage: OnOutage,
    options: Partial<RateLimiterOptions> = {},
  ) =>
    createRateLimiter({ client, prefix: 'api', limits, onOutage, deadline: DEADLINE, ...options })

  async function inTime<T>(work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    const result = await work()
    expect(performance.now() - startedAt).toBeLessThan(MAX_DURATION)
    return result
  }

  it.each(['paused', 'cut off', 'swallowing replies', 'dead'] as const)(
    'every onOutage decides within the deadline while Redis is %s, and reports degraded',
    async (outage) => {
      const server = await start()
      await using proxy = await startProxy(server)
      const client = connect(proxy.url, PATIENT)
      const allowing = make(client, 'allow')
      const denying = make(client, 'deny')
      const local = make(client, { local: 0.5 })
      const charged = await vi.waitFor(
        async () => {
          const decision = await allowing.consume('warm')
          expect(decision.degraded).toBe(false)
          return decision
        },
        { timeout: 10_000 },
      )
      if (outage === 'paused') await server.pause()
      else if (outage === 'cut off') await proxy.cut()
      else if (outage === 'dead') await server.kill()
      else proxy.swallow('replies')

      for (let i = 0; i < 2; i++) {
        expect(await inTime(() => allowing.consume('u'))).toMatchObject({
          allowed: true,
          granted: 1,
          degraded: true,
          source: 'outage',
          receipt: undefined,
        })
        expect(await inTime(() => denying.consume('u'))).toMatchObject({
          allowed: false,
          granted: 0,
          degraded: true,
          retryAfter: 1_000,
          violated: ['burst', 'daily'],
        })
        expect(await inTime(() => denying.peek('u'))).toMatchObject({
          allowed: false,
          degraded: true,
        })
        expect(await inTime(() => allowing.reserve('u'))).toMatchObject({
          allowed: true,
          wait: 0,
          degraded: true,
        })
        expect(await inTime(() => allowing.consumeUpTo('u', 1e15))).toMatchObject({
          granted: 4,
          degraded: true,
        })
        expect(await inTime(() => allowing.consume('u', { cost: 5 }))).toMatchObject({
          allowed: false,
          satisfiable: false,
          degraded: true,
        })
        expect(await inTime(() => denying.consume('u', { cost: 0 }))).toMatchObject({
          allowed: true,
          granted: 0,
          degraded: true,
        })
        expect(await inTime(() => local.peek('u'))).toMatchObject({
          allowed: true,
          remaining: 2,
          degraded: true,
        })
      }
      const shares = await inTime(() =>
        Promise.all(Array.from({ length: 5 }, () => local.consume('u'))),
      )
      // The order is not defined, because all requests wait for the same deadline.
      const denied = shares.filter(({ allowed }) => !allowed)
      expect(denied).toHaveLength(3)
      for (const decision of denied)
        expect(decision).toMatchObject({ degraded: true, violated: ['burst'] })
      expect(denied[2]!.retryAfter).toBeGreaterThan(20_000)
      const impatient = make(connect(proxy.url), 'deny')
      for (const change of await inTime(() =>
        Promise.allSettled([impatient.reset('u'), impatient.refund(charged)]),
      ))
        expect(change.status).toBe('rejected')

      if (outage === 'paused') await server.resume()
      else if (outage === 'dead') await server.restart()
      else await proxy.pass()
      await vi.waitFor(
        async () =>
          expect(await denying.consume('back')).toMatchObject({ allowed: true, degraded: false }),
        { timeout: 20_000 },
      )
    },
  )

  it('callers that wait for a prefetch keep their deadlines and share its failure', async () => {
    const server = await start()
    await using proxy = await startProxy(server)
    const client = connect(proxy.url, PATIENT)
    let sent = 0
    const counting: CacheClient = {
      ...client,
      run: (script, ...rest) => {
        sent++
        return client.run(script, ...rest)
      },
    }
    const limiter = (tokens: number) =>
      make(counting, 'allow', {
        limits: [slidingWindow({ name: 'a', limit: 100, window: '1m' })],
        prefetch: tokens,
        deadline: 600,
      })
    await vi.waitFor(async () => expect((await limiter(2).consume('warm')).degraded).toBe(false), {
      timeout: 10_000,
    })
    proxy.delay(350) // The first batch arrives in time, and a second one does not.
    sent = 0
    const slow = limiter(2)
    const decisions = await Promise.all(Array.from({ length: 7 }, () => slow.consume('u')))
    expect(decisions.every(({ allowed }) => allowed)).toBe(true)
    expect(decisions.filter(({ degraded }) => degraded).length).toBeGreaterThanOrEqual(5)
    expect(sent).toBeLessThanOrEqual(2)
    proxy.swallow('replies')
    sent = 0
    const silent = limiter(10)
    const rest = await Promise.all(Array.from({ length: 7 }, () => silent.consume('v')))
    expect(rest.every(({ allowed, degraded }) => allowed && degraded)).toBe(true)
    expect(sent).toBe(1)
    await proxy.pass()
  })

  it('a denial by Redis is final: onOutage does not decide', async () => {
    const limiter = make(connect((await start()).url), 'allow', {
      denyCache: false,
      deadline: '10s',
    })
    const decisions = await Promise.all(Array.from({ length: 50 }, () => limiter.consume('u')))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(4)
    expect(decisions.some(({ degraded }) => degraded)).toBe(false)
  })

  it('releases the slots of late decisions, despite an open circuit', async () => {
    const server = await start()
    await using proxy = await startProxy(server)
    const running = [concurrency({ name: 'running', limit: 3, ttl: '10m' })]
    const limiter = make(connect(proxy.url), 'deny', { limits: running })
    const other = make(connect(server.url, PATIENT), 'deny', { limits: running, deadline: '10s' })
    const free = async (): Promise<number> => (await other.peek('u')).remaining
    await vi.waitFor(async () => expect((await limiter.peek('u')).degraded).toBe(false), {
      timeout: 10_000,
    })
    for (const outage of ['paused', 'swallowing replies'] as const) {
      if (outage === 'paused') await server.pause()
      else proxy.swallow('replies')
      for (let i = 0; i < 8; i++)
        expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: true })
      if (outage === 'paused') await server.resume()
      else await proxy.pass()
      await vi.waitFor(async () => expect(await free()).toBe(3), { timeout: 20_000 })
    }
    // A slot that was held, and whose first release failed, is released as well.
    const held = await vi.waitFor(
      async () => {
        const decision = await limiter.consume('u')
        expect(decision.allowed).toBe(true)
        return decision
      },
      { timeout: 10_000 },
    )
    await proxy.cut()
    await held.release()
    expect(await free()).toBe(2)
    await proxy.pass()
    await vi.waitFor(async () => expect(await free()).toBe(3), { timeout: 20_000 })
  })

  it('Redis decides with the default deadline if a round trip takes 70 ms', async () => {
    const server = await start()
    await using proxy = await startProxy(server)
    const limiter = createRateLimiter({ client: connect(proxy.url), prefix: 'far', limits })
    await vi.waitFor(async () => expect((await limiter.consume('warm')).degraded).toBe(false), {
      timeout: 10_000,
    })
    proxy.delay(70)
    for (let i = 0; i < 5; i++)
      expect(await limiter.consume('u')).toMatchObject({ allowed: i < 4, degraded: false })
  })

  it('refunds the late charge of a denied request, and caches a late denial', async () => {
    const server = await start()
    await using proxy = await startProxy(server)
    const moreLimits = [
      ...limits,
      fixedWindow({ name: 'fixed', limit: 4, window: '1h' }),
      slidingCounter({ name: 'counter', limit: 4, window: '1h' }),
    ]
    const client = connect(proxy.url, PATIENT)
    const denying = make(client, 'deny', { limits: moreLimits, denyCache: { maxAge: '20s' } })
    const other = make(connect(server.url, PATIENT), 'deny', {
      limits: moreLimits,
      deadline: '10s',
    })
    await vi.waitFor(async () => expect((await denying.peek('u')).degraded).toBe(false), {
      timeout: 10_000,
    })
    proxy.delay(120)
    for (let i = 0; i < 3; i++)
      expect(await denying.consume('u')).toMatchObject({ allowed: false, degraded: true })
    await vi.waitFor(
      async () =>
        expect((await other.peek('u')).limits.map(({ remaining }) => remaining)).toEqual([
          4, 8, 4, 4,
        ]),
      { timeout: 10_000 },
    )
    await other.consume('u', { cost: 4 })
    expect(await denying.consume('u')).toMatchObject({ allowed: false, degraded: true })
    await vi.waitFor(
      async () =>
        expect(await denying.consume('u')).toMatchObject({ allowed: false, source: 'cache' }),
      { timeout: 10_000 },
    )
  })

  it('reports and replaces a key of another type, so that its limit begins anew', async () => {
    const server = await start()
    const client = connect(server.url)
    const limiter = make(client, 'deny', { deadline: '10s' })
    await limiter.consume('u')
    const errors: unknown[] = []
    const onError = (message: unknown): void => void errors.push(message)
    channels.error.subscribe(onError)
    await server.cli('DEL', 'api:{api:u}:daily:bucket')
    await server.cli('LPUSH', 'api:{api:u}:daily:bucket', 'x')
    expect(await limiter.consume('u')).toMatchObject({ allowed: true, degraded: false })
    channels.error.unsubscribe(onError)
    expect(errors).toMatchObject([
      { key: 'api:{api:u}:daily:bucket', error: { code: 'FOREIGN_VALUE' } },
    ])
    expect((await limiter.peek('u')).limits.map(({ remaining }) => remaining)).toEqual([2, 7])
  })

  it('reloads flushed scripts, and charges all limits or none if memory is full', async () => {
    const server = await start()
    const client = connect(server.url)
    const limiter = make(client, 'deny', { deadline: '10s' })
    await limiter.consume('u')
    await server.cli('SCRIPT', 'FLUSH')
    expect(await limiter.consume('u')).toMatchObject({
      allowed: true,
      degraded: false,
      remaining: 2,
    })
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: true })
    await server.cli('CONFIG', 'SET', 'maxmemory', '0')
    expect((await limiter.peek('u')).limits.map(({ remaining }) => remaining)).toEqual([2, 6])
  })
})

describe('onOutage: { local }', () => {
  const redis = new Redis({ lazyConnect: true })
  redis.disconnect()
  // The connection has ended, so every call fails at once.
  const client = createCacheClient(ioredisDriver(redis))
  afterAll(() => client.close())
  const clock = { ms: 0, now: () => clock.ms }

  it.each([
    ['slidingWindow', slidingWindow({ name: 'a', limit: 8, window: 800 })],
    ['slidingCounter', slidingCounter({ name: 'a', limit: 8, window: 800 })],
    ['fixedWindow', fixedWindow({ name: 'a', limit: 8, window: 800 })],
    ['tokenBucket', tokenBucket({ name: 'a', capacity: 8, refill: 1, interval: 100 })],
    ['gcra', gcra({ name: 'a', limit: 80, window: 8_000, burst: 8 })],
  ])(
    '%s: admits a burst of its share, and then requests at its share of the rate',
    async (_name, limit) => {
      const limiter = new Limiter(
        { client, prefix: 'x', limits: [limit], onOutage: { local: 0.25 } },
        clock,
      )
      clock.ms += 1_000_000
      let admitted = 0
      for (let i = 0; i < 20; i++) if ((await limiter.consume('u')).allowed) admitted++
      expect(admitted).toBe(2)
      const { retryAfter } = await limiter.consume('u')
      expect(retryAfter).toBe(400)
      clock.ms += 399
      expect(await limiter.consume('u')).toMatchObject({ allowed: false })
      clock.ms += 1
      expect(await limiter.consume('u')).toMatchObject({
        allowed: true,
        degraded: true,
        limits: [{ name: 'a', limit: 2, remaining: 0 }],
      })
      expect(await limiter.consume('v', { cost: 8 })).toMatchObject({ allowed: true, granted: 8 })
      expect(await limiter.consume('v')).toMatchObject({ allowed: false })
    },
  )

  it('limits slots to its share', async () => {
    const limiter = new Limiter(
      {
        client,
        prefix: 'x',
        limits: [concurrency({ name: 'a', limit: 4, ttl: '1s' })],
        onOutage: { local: 0.5 },
      },
      clock,
    )
    const first = await limiter.consume('u')
    const second = await limiter.consume('u')
    expect([first.allowed, second.allowed, (await limiter.consume('u')).allowed]).toEqual([
      true,
      true,
      false,
    ])
    await first.release()
    await first.release()
    expect([(await limiter.consume('u')).allowed, (await limiter.consume('u')).allowed]).toEqual([
      true,
      false,
    ])
  })
})
