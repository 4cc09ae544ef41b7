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
/** The deadline, with room for a machine that is busy with other tests. */
const PATIENCE = DEADLINE + 1_500
/**
 * A client that would wait for long, and never gives Redis up: only the limiter's deadline is left.
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
  const ends: (() => unknown)[] = []
  afterEach(async () => {
    while (ends.length > 0) await ends.pop()!()
    expect(unhandled).toEqual([])
  })

  function connect(
    url: string,
    resilience: ResilienceOptions = { breaker: { failures: 5, cooldown: 100 } },
  ): CacheClient {
    const { driver, end } = drivers[name]!(url)
    const client = createCacheClient(driver, { resilience })
    ends.push(end, () => client.close())
    return client
  }

  async function start() {
    const server = await startRedis()
    ends.push(
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

  async function timed<T>(work: () => Promise<T>): Promise<T> {
    const started = performance.now()
    const result = await work()
    expect(performance.now() - started).toBeLessThan(PATIENCE)
    return result
  }

  it.each(['paused', 'cut off', 'swallowing replies', 'dead'] as const)(
    'decides within the deadline while Redis is %s: open, closed or by its share, and says so',
    async (how) => {
      const server = await start()
      await using proxy = await startProxy(server)
      const client = connect(proxy.url, PATIENT)
      const open = make(client, 'open')
      const closed = make(client, 'closed')
      const local = make(client, { local: 0.5 })
      const charged = await vi.waitFor(
        async () => {
          const decision = await open.consume('warm')
          expect(decision.degraded).toBe(false)
          return decision
        },
        { timeout: 10_000 },
      )
      if (how === 'paused') await server.pause()
      else if (how === 'cut off') await proxy.cut()
      else if (how === 'dead') await server.kill()
      else proxy.swallow('replies')

      for (let i = 0; i < 2; i++) {
        expect(await timed(() => open.consume('u'))).toMatchObject({
          allowed: true,
          granted: 1,
          degraded: true,
          source: 'outage',
          receipt: undefined,
        })
        expect(await timed(() => closed.consume('u'))).toMatchObject({
          allowed: false,
          granted: 0,
          degraded: true,
          retryAfter: 1_000,
          violated: ['burst', 'daily'],
        })
        expect(await timed(() => closed.peek('u'))).toMatchObject({
          allowed: false,
          degraded: true,
        })
        expect(await timed(() => open.reserve('u'))).toMatchObject({
          allowed: true,
          wait: 0,
          degraded: true,
        })
        expect(await timed(() => open.consumeUpTo('u', 1e15))).toMatchObject({
          granted: 4,
          degraded: true,
        })
        expect(await timed(() => open.consume('u', { cost: 5 }))).toMatchObject({
          allowed: false,
          satisfiable: false,
          degraded: true,
        })
        expect(await timed(() => closed.consume('u', { cost: 0 }))).toMatchObject({
          allowed: true,
          granted: 0,
          degraded: true,
        })
        expect(await timed(() => local.peek('u'))).toMatchObject({
          allowed: true,
          remaining: 2,
          degraded: true,
        })
      }
      const shares = await timed(() =>
        Promise.all(Array.from({ length: 5 }, () => local.consume('u'))),
      )
      // in no certain order: all of them wait for the same deadline
      const denied = shares.filter(({ allowed }) => !allowed)
      expect(denied).toHaveLength(3)
      for (const one of denied) expect(one).toMatchObject({ degraded: true, violated: ['burst'] })
      expect(denied[2]!.retryAfter).toBeGreaterThan(20_000)
      const impatient = make(connect(proxy.url), 'closed')
      for (const change of await timed(() =>
        Promise.allSettled([impatient.reset('u'), impatient.refund(charged)]),
      ))
        expect(change.status).toBe('rejected')

      if (how === 'paused') await server.resume()
      else if (how === 'dead') await server.restart()
      else await proxy.pass()
      await vi.waitFor(
        async () =>
          expect(await closed.consume('back')).toMatchObject({ allowed: true, degraded: false }),
        { timeout: 20_000 },
      )
    },
  )

  it('one question that is not answered decides for all that wait for its lease, within their own deadlines', async () => {
    const server = await start()
    await using proxy = await startProxy(server)
    const client = connect(proxy.url, PATIENT)
    let asked = 0
    const counting: CacheClient = {
      ...client,
      run: (script, ...rest) => {
        asked++
        return client.run(script, ...rest)
      },
    }
    const limiter = (tokens: number) =>
      make(counting, 'open', {
        limits: [slidingWindow({ name: 'a', limit: 100, window: '1m' })],
        prefetch: tokens,
        deadline: 600,
      })
    await vi.waitFor(async () => expect((await limiter(2).consume('warm')).degraded).toBe(false), {
      timeout: 10_000,
    })
    proxy.delay(350) // the first lease comes in time, and no second one
    asked = 0
    const slow = limiter(2)
    const decisions = await Promise.all(Array.from({ length: 7 }, () => slow.consume('u')))
    expect(decisions.every(({ allowed }) => allowed)).toBe(true)
    expect(decisions.filter(({ degraded }) => degraded).length).toBeGreaterThanOrEqual(5)
    expect(asked).toBeLessThanOrEqual(2)
    proxy.swallow('replies')
    asked = 0
    const silent = limiter(10)
    const rest = await Promise.all(Array.from({ length: 7 }, () => silent.consume('v')))
    expect(rest.every(({ allowed, degraded }) => allowed && degraded)).toBe(true)
    expect(asked).toBe(1)
    await proxy.pass()
  })

  it('a denial is a decision, and never asks what would be allowed without Redis', async () => {
    const limiter = make(connect((await start()).url), 'open', {
      denyCache: false,
      deadline: '10s',
    })
    const decisions = await Promise.all(Array.from({ length: 50 }, () => limiter.consume('u')))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(4)
    expect(decisions.some(({ degraded }) => degraded)).toBe(false)
  })

  it('releases the slots of decisions that came too late, past an open circuit and a cut connection', async () => {
    const server = await start()
    await using proxy = await startProxy(server)
    const running = [concurrency({ name: 'running', limit: 3, ttl: '10m' })]
    const limiter = make(connect(proxy.url), 'closed', { limits: running })
    const other = make(connect(server.url, PATIENT), 'closed', { limits: running, deadline: '10s' })
    const free = async (): Promise<number> => (await other.peek('u')).remaining
    await vi.waitFor(async () => expect((await limiter.peek('u')).degraded).toBe(false), {
      timeout: 10_000,
    })
    for (const how of ['paused', 'swallowing replies'] as const) {
      if (how === 'paused') await server.pause()
      else proxy.swallow('replies')
      for (let i = 0; i < 8; i++)
        expect(await limiter.consume('u')).toMatchObject({ allowed: false, degraded: true })
      if (how === 'paused') await server.resume()
      else await proxy.pass()
      await vi.waitFor(async () => expect(await free()).toBe(3), { timeout: 20_000 })
    }
    // What was held all the time, and could not be released at once, is released as well.
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

  it('decides by Redis where a round trip takes 70 ms, with the default deadline', async () => {
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

  it('a request that was denied before Redis had decided is charged nothing, and a denial that comes late is remembered', async () => {
    const server = await start()
    await using proxy = await startProxy(server)
    const several = [
      ...limits,
      fixedWindow({ name: 'fixed', limit: 4, window: '1h' }),
      slidingCounter({ name: 'counter', limit: 4, window: '1h' }),
    ]
    const client = connect(proxy.url, PATIENT)
    const closed = make(client, 'closed', { limits: several, denyCache: { maxAge: '20s' } })
    const other = make(connect(server.url, PATIENT), 'closed', { limits: several, deadline: '10s' })
    await vi.waitFor(async () => expect((await closed.peek('u')).degraded).toBe(false), {
      timeout: 10_000,
    })
    proxy.delay(120)
    for (let i = 0; i < 3; i++)
      expect(await closed.consume('u')).toMatchObject({ allowed: false, degraded: true })
    await vi.waitFor(
      async () =>
        expect((await other.peek('u')).limits.map(({ remaining }) => remaining)).toEqual([
          4, 8, 4, 4,
        ]),
      { timeout: 10_000 },
    )
    await other.consume('u', { cost: 4 })
    expect(await closed.consume('u')).toMatchObject({ allowed: false, degraded: true })
    await vi.waitFor(
      async () =>
        expect(await closed.consume('u')).toMatchObject({ allowed: false, source: 'cache' }),
      { timeout: 10_000 },
    )
  })

  it('a key of another type is reported and replaced: its limit begins anew', async () => {
    const server = await start()
    const client = connect(server.url)
    const limiter = make(client, 'closed', { deadline: '10s' })
    await limiter.consume('u')
    const errors: unknown[] = []
    const hear = (message: unknown): void => void errors.push(message)
    channels.error.subscribe(hear)
    await server.cli('DEL', 'api:{api:u}:daily:bucket')
    await server.cli('LPUSH', 'api:{api:u}:daily:bucket', 'x')
    expect(await limiter.consume('u')).toMatchObject({ allowed: true, degraded: false })
    channels.error.unsubscribe(hear)
    expect(errors).toMatchObject([
      { key: 'api:{api:u}:daily:bucket', error: { code: 'FOREIGN_VALUE' } },
    ])
    expect((await limiter.peek('u')).limits.map(({ remaining }) => remaining)).toEqual([2, 7])
  })

  it('a server that forgets its scripts is told them again, and one out of memory charges all limits or none', async () => {
    const server = await start()
    const client = connect(server.url)
    const limiter = make(client, 'closed', { deadline: '10s' })
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

describe('a share of the limits, by itself', () => {
  const redis = new Redis({ lazyConnect: true })
  redis.disconnect()
  // of a connection that has ended: it answers at once
  const client = createCacheClient(ioredisDriver(redis))
  afterAll(() => client.close())
  const clock = { ms: 0, now: () => clock.ms }

  it.each([
    ['slidingWindow', slidingWindow({ name: 'a', limit: 8, window: 800 })],
    ['slidingCounter', slidingCounter({ name: 'a', limit: 8, window: 800 })],
    ['fixedWindow', fixedWindow({ name: 'a', limit: 8, window: 800 })],
    ['tokenBucket', tokenBucket({ name: 'a', capacity: 8, refill: 1, interval: 100 })],
    ['gcra', gcra({ name: 'a', limit: 80, window: 8_000, burst: 8 })],
  ])('%s: a burst of the share, and then at the share of the rate', async (_name, limit) => {
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
  })

  it('holds slots too', async () => {
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
