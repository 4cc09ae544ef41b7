import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import {
  eventually,
  startCluster,
  startProxy,
  startRedis,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
  type RateLimiterOptions,
} from '../src/index.js'

const policies: Record<string, Limit> = {
  slidingWindow: slidingWindow({ name: 'a', limit: 3, window: '1h' }),
  slidingCounter: slidingCounter({ name: 'a', limit: 3, window: '1h' }),
  fixedWindow: fixedWindow({ name: 'a', limit: 3, window: '1h' }),
  tokenBucket: tokenBucket({ name: 'a', capacity: 3, refill: 3, interval: '1h' }),
  gcra: gcra({ name: 'a', limit: 3, window: '1h' }),
}

interface World {
  /** Through the proxies, and past them. */
  readonly client: CacheClient
  readonly direct: CacheClient
  readonly proxies: readonly TcpProxy[]
  readonly servers: readonly RedisServer[]
  readonly resends: boolean
  end(): Promise<void>
}

const settings = { resilience: { readTimeout: '5s', writeTimeout: '5s' } } as const

/**
 * Each client; that of ioredis for a Cluster by itself sends again what got no reply, and waits for
 * it.
 */
const worlds: Record<string, () => Promise<World>> = {
  async 'ioredis, standalone'() {
    const server = await startRedis()
    const proxy = await startProxy(server)
    const [redis, other] = [
      new Redis(proxy.url, { retryStrategy: () => 20 }),
      new Redis(server.url),
    ]
    const [client, direct] = [redis, other].map((one) =>
      createCacheClient(ioredisDriver(one), settings),
    ) as [CacheClient, CacheClient]
    return {
      client,
      direct,
      proxies: [proxy],
      servers: [server],
      resends: false,
      end: async () => {
        await Promise.all([client.close(), direct.close()])
        redis.disconnect()
        other.disconnect()
        await proxy.close()
        await server.stop()
      },
    }
  },
  async 'ioredis, Cluster'() {
    const cluster = await startCluster()
    const proxies = await Promise.all(cluster.primaries.map((node) => startProxy(node)))
    const natMap = Object.fromEntries(
      cluster.primaries.map((node, i) => [
        `${node.host}:${node.port}`,
        { host: proxies[i]!.host, port: proxies[i]!.port },
      ]),
    )
    const [redis, other] = [
      new Cluster(
        proxies.map(({ host, port }) => ({ host, port })),
        { natMap },
      ),
      new Cluster([...cluster.addresses]),
    ]
    const [client, direct] = [redis, other].map((one) =>
      createCacheClient(ioredisDriver(one), settings),
    ) as [CacheClient, CacheClient]
    return {
      client,
      direct,
      proxies,
      servers: cluster.primaries,
      resends: true,
      end: async () => {
        await Promise.all([client.close(), direct.close()])
        redis.disconnect()
        other.disconnect()
        await Promise.all(proxies.map((proxy) => proxy.close()))
        await cluster.stop()
      },
    }
  },
  async 'node-redis, standalone'() {
    const server = await startRedis()
    const proxy = await startProxy(server)
    const [redis, other] = [
      createClient({ url: proxy.url, socket: { reconnectStrategy: 20 } }),
      createClient({ url: server.url }),
    ]
    const [client, direct] = [redis, other].map((one) =>
      createCacheClient(nodeRedisDriver(one), settings),
    ) as [CacheClient, CacheClient]
    return {
      client,
      direct,
      proxies: [proxy],
      servers: [server],
      resends: false,
      end: async () => {
        await Promise.all([client.close(), direct.close()])
        redis.destroy()
        other.destroy()
        await proxy.close()
        await server.stop()
      },
    }
  },
}

let prefixes = 0

describe.each(Object.keys(worlds))(
  'on %s',
  (name) => {
    let world: World
    beforeAll(async () => {
      world = await worlds[name]!()
    }, 60_000)
    afterAll(() => world.end(), 60_000)
    beforeEach(() => {
      prefixes++
    })

    const make = (
      client: CacheClient,
      limits: readonly Limit[],
      options: Partial<RateLimiterOptions> = {},
    ) =>
      createRateLimiter({
        client,
        prefix: `lost${prefixes}`,
        limits,
        deadline: '5s',
        onOutage: 'deny',
        denyCache: false,
        ...options,
      })
    const warm = (limits: readonly Limit[]) =>
      eventually(async () => !(await make(world.client, limits).peek('u')).degraded)

    /** How many attempts are remembered that take no slot any more. */
    function remembered(): Promise<unknown> {
      const key = `lost${prefixes}:{lost${prefixes}:u}:a:slots:released`
      return world.direct.send({ args: ['ZCARD', key], keys: [key] })
    }

    /** What is asked for is executed, and its reply is lost. */
    async function losingReplies<T>(
      ask: () => Promise<T>,
      meanwhile = async (): Promise<void> => undefined,
    ): Promise<T> {
      const lost = world.proxies.map(({ swallowed }) => swallowed)
      for (const proxy of world.proxies) proxy.swallow('replies')
      const asked = ask()
      await eventually(() => world.proxies.some(({ swallowed }, i) => swallowed > lost[i]!))
      await meanwhile()
      await Promise.all(world.proxies.map((proxy) => proxy.pass()))
      return asked
    }

    describe.each([...Object.keys(policies), 'all together'])('%s', (policy) => {
      const limits =
        policy === 'all together'
          ? Object.entries(policies).map(([own, limit]) => ({ ...limit, name: own }))
          : [policies[policy]!]

      it('is charged once for a request whose reply is lost, and not for one that was denied', async () => {
        await warm(limits)
        const [limiter, other] = [make(world.client, limits), make(world.direct, limits)]
        const left = async (): Promise<number> => (await other.peek('u')).remaining
        await other.consume('u')
        for (let remaining = 1; remaining >= 0; remaining--) {
          const before = await left()
          const decision = await losingReplies(() => limiter.consume('u'))
          if (world.resends)
            expect(decision).toMatchObject({ allowed: true, degraded: false, remaining })
          await eventually(async () => (await left()) === before - (decision.allowed ? 1 : 0))
          if (!decision.allowed) await other.consume('u')
        }
        const denied = await losingReplies(() => limiter.consume('u'))
        expect(denied.allowed).toBe(false)
        expect(await left()).toBe(0)
      })

      it('is refunded what a request was charged whose reply is lost, and the refund too', async () => {
        await warm(limits)
        const [limiter, other] = [make(world.client, limits), make(world.direct, limits)]
        const decisions = await losingReplies(() =>
          Promise.all([
            limiter.consumeUpTo('u', 2),
            limiter.reserve('u'),
            limiter.reserve('u', { maxWait: '2d' }),
          ]),
        )
        if (world.resends) expect(decisions.map(({ granted }) => granted)).toEqual([2, 1, 1])
        for (const decision of decisions.filter(({ receipt }) => receipt))
          expect(await losingReplies(() => limiter.refund(decision))).toBe(true)
        await eventually(async () => (await other.peek('u')).remaining === 3)
      })
    })

    it('a slot is taken once, and is back when it is released, or when nobody knows of it', async () => {
      const limits = [concurrency({ name: 'a', limit: 3, ttl: '10m' })]
      await warm(limits)
      const [limiter, other] = [make(world.client, limits), make(world.direct, limits)]
      const decision = await losingReplies(() => limiter.consume('u'))
      if (world.resends) {
        expect(decision).toMatchObject({ allowed: true, remaining: 2 })
        await losingReplies(() => decision.release())
      }
      await eventually(async () => (await other.peek('u')).remaining === 3)
    })

    it('what reaches the server late takes no slot for an attempt that was denied', async () => {
      const limits = [concurrency({ name: 'a', limit: 1, ttl: '10m' })]
      await warm(limits)
      const [limiter, other] = [make(world.client, limits), make(world.direct, limits)]
      const inside = await other.consume('u')
      const held = world.proxies.map((proxy) => proxy.hold())
      const asked = limiter.consume('u')
      await eventually(() => held.some(({ bytes }) => bytes > 0))
      for (const proxy of world.proxies) proxy.drop()
      expect(await asked).toMatchObject({ allowed: false })
      await eventually(async () => Number(await remembered()) > 0)
      await inside.release()
      await Promise.all(held.map((one) => one.deliver()))
      expect((await other.peek('u')).remaining).toBe(1)
    })

    it('is denied again what was denied, when its reply was lost and a slot is free by now', async () => {
      const limits = [concurrency({ name: 'a', limit: 1, ttl: '10m' })]
      await warm(limits)
      const [limiter, other] = [make(world.client, limits), make(world.direct, limits)]
      const inside = await other.consume('u')
      const denied = await losingReplies(
        () => limiter.consume('u'),
        () => inside.release(),
      )
      if (world.resends)
        expect(denied).toMatchObject({ allowed: false, degraded: false, violated: ['a'] })
      await eventually(async () => (await other.peek('u')).remaining === 1)
    })

    it.each([...Object.keys(policies), 'slots'])(
      'what reaches the server late undoes no refund and no release: %s',
      async (policy) => {
        const limits = [
          policy === 'slots' ? concurrency({ name: 'a', limit: 3, ttl: '10m' }) : policies[policy]!,
        ]
        await warm(limits)
        const [limiter, other] = [make(world.client, limits), make(world.direct, limits)]
        await other.consume('u')
        const held = world.proxies.map((proxy) => proxy.hold())
        const asked = limiter.consume('u')
        await eventually(() => held.some(({ bytes }) => bytes > 0))
        for (const proxy of world.proxies) proxy.drop()
        const decision = await asked
        if (decision.allowed)
          await (policy === 'slots' ? decision.release() : limiter.refund(decision))
        await eventually(async () => (await undone()) && (await other.peek('u')).remaining === 2)
        await Promise.all(held.map((one) => one.deliver()))
        expect((await other.peek('u')).remaining).toBe(2)

        async function undone(): Promise<boolean> {
          if (policy === 'slots') return (await remembered()) === 1
          const refunds = await Promise.all(
            world.servers.map((server) => server.cli('KEYS', `*lost${prefixes}:u*refund*`)),
          )
          return refunds.join('') !== ''
        }
      },
    )
  },
  60_000,
)
