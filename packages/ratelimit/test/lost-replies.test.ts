import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import {
  eventually,
  startRedisCluster,
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

interface Setup {
  /** A client that goes through the proxies. */
  readonly client: CacheClient
  /** A client that goes past the proxies. */
  readonly direct: CacheClient
  readonly proxies: readonly TcpProxy[]
  readonly servers: readonly RedisServer[]
  /** Whether the Redis client resends a command whose reply was lost. */
  readonly resends: boolean
  stop(): Promise<void>
}

const clientOptions = { resilience: { readTimeout: '5s', writeTimeout: '5s' } } as const

/** The setups. Only ioredis on a Cluster resends commands whose replies were lost. */
const setups: Record<string, () => Promise<Setup>> = {
  async 'ioredis, standalone'() {
    const server = await startRedis()
    const proxy = await startProxy(server)
    const [redis, other] = [
      new Redis(proxy.url, { retryStrategy: () => 20 }),
      new Redis(server.url),
    ]
    const [client, direct] = [redis, other].map((connection) =>
      createCacheClient(ioredisDriver(connection), clientOptions),
    ) as [CacheClient, CacheClient]
    return {
      client,
      direct,
      proxies: [proxy],
      servers: [server],
      resends: false,
      stop: async () => {
        await Promise.all([client.close(), direct.close()])
        redis.disconnect()
        other.disconnect()
        await proxy.close()
        await server.stop()
      },
    }
  },
  async 'ioredis, Cluster'() {
    const cluster = await startRedisCluster()
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
    const [client, direct] = [redis, other].map((connection) =>
      createCacheClient(ioredisDriver(connection), clientOptions),
    ) as [CacheClient, CacheClient]
    return {
      client,
      direct,
      proxies,
      servers: cluster.primaries,
      resends: true,
      stop: async () => {
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
    const [client, direct] = [redis, other].map((connection) =>
      createCacheClient(nodeRedisDriver(connection), clientOptions),
    ) as [CacheClient, CacheClient]
    return {
      client,
      direct,
      proxies: [proxy],
      servers: [server],
      resends: false,
      stop: async () => {
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

describe.each(Object.keys(setups))(
  'on %s',
  (name) => {
    let setup: Setup
    beforeAll(async () => {
      setup = await setups[name]!()
    }, 60_000)
    afterAll(() => setup.stop(), 60_000)
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
    const connected = (limits: readonly Limit[]) =>
      eventually(async () => !(await make(setup.client, limits).peek('u')).degraded)

    /** Returns how many ended attempts are remembered (lua/ended-attempts.lua). */
    function countEndedAttempts(): Promise<unknown> {
      const key = `lost${prefixes}:{lost${prefixes}:u}:a:slots:released`
      return setup.direct.send({ args: ['ZCARD', key], keys: [key] })
    }

    /** Calls `call` so that Redis executes it, and its reply is lost. */
    async function losingReplies<T>(
      call: () => Promise<T>,
      meanwhile = async (): Promise<void> => undefined,
    ): Promise<T> {
      const swallowedBefore = setup.proxies.map(({ swallowed }) => swallowed)
      for (const proxy of setup.proxies) proxy.swallow('replies')
      const result = call()
      await eventually(() =>
        setup.proxies.some(({ swallowed }, i) => swallowed > swallowedBefore[i]!),
      )
      await meanwhile()
      await Promise.all(setup.proxies.map((proxy) => proxy.pass()))
      return result
    }

    describe.each([...Object.keys(policies), 'all together'])('%s', (policy) => {
      const limits =
        policy === 'all together'
          ? Object.entries(policies).map(([own, limit]) => ({ ...limit, name: own }))
          : [policies[policy]!]

      it('charges a request whose reply is lost once, and a denied one not at all', async () => {
        await connected(limits)
        const [limiter, other] = [make(setup.client, limits), make(setup.direct, limits)]
        const remainingNow = async (): Promise<number> => (await other.peek('u')).remaining
        await other.consume('u')
        for (let remaining = 1; remaining >= 0; remaining--) {
          const before = await remainingNow()
          const decision = await losingReplies(() => limiter.consume('u'))
          if (setup.resends)
            expect(decision).toMatchObject({ allowed: true, degraded: false, remaining })
          await eventually(
            async () => (await remainingNow()) === before - (decision.allowed ? 1 : 0),
          )
          if (!decision.allowed) await other.consume('u')
        }
        const denied = await losingReplies(() => limiter.consume('u'))
        expect(denied.allowed).toBe(false)
        expect(await remainingNow()).toBe(0)
      })

      it('refunds a request although its reply and that of the refund are lost', async () => {
        await connected(limits)
        const [limiter, other] = [make(setup.client, limits), make(setup.direct, limits)]
        const decisions = await losingReplies(() =>
          Promise.all([
            limiter.consumeUpTo('u', 2),
            limiter.reserve('u'),
            limiter.reserve('u', { maxWait: '2d' }),
          ]),
        )
        if (setup.resends) expect(decisions.map(({ granted }) => granted)).toEqual([2, 1, 1])
        for (const decision of decisions.filter(({ receipt }) => receipt))
          expect(await losingReplies(() => limiter.refund(decision))).toBe(true)
        await eventually(async () => (await other.peek('u')).remaining === 3)
      })
    })

    it('takes a slot once if its reply is lost, and frees it', async () => {
      const limits = [concurrency({ name: 'a', limit: 3, ttl: '10m' })]
      await connected(limits)
      const [limiter, other] = [make(setup.client, limits), make(setup.direct, limits)]
      const decision = await losingReplies(() => limiter.consume('u'))
      if (setup.resends) {
        expect(decision).toMatchObject({ allowed: true, remaining: 2 })
        await losingReplies(() => decision.release())
      }
      await eventually(async () => (await other.peek('u')).remaining === 3)
    })

    it('a denied attempt that reaches the server late takes no slot', async () => {
      const limits = [concurrency({ name: 'a', limit: 1, ttl: '10m' })]
      await connected(limits)
      const [limiter, other] = [make(setup.client, limits), make(setup.direct, limits)]
      const holding = await other.consume('u')
      const delayed = setup.proxies.map((proxy) => proxy.hold())
      const pending = limiter.consume('u')
      await eventually(() => delayed.some(({ bytes }) => bytes > 0))
      for (const proxy of setup.proxies) proxy.drop()
      expect(await pending).toMatchObject({ allowed: false })
      await eventually(async () => Number(await countEndedAttempts()) > 0)
      await holding.release()
      await Promise.all(delayed.map((requests) => requests.deliver()))
      expect((await other.peek('u')).remaining).toBe(1)
    })

    it('denies a resent attempt again although a slot is free by now', async () => {
      const limits = [concurrency({ name: 'a', limit: 1, ttl: '10m' })]
      await connected(limits)
      const [limiter, other] = [make(setup.client, limits), make(setup.direct, limits)]
      const holding = await other.consume('u')
      const denied = await losingReplies(
        () => limiter.consume('u'),
        () => holding.release(),
      )
      if (setup.resends)
        expect(denied).toMatchObject({ allowed: false, degraded: false, violated: ['a'] })
      await eventually(async () => (await other.peek('u')).remaining === 1)
    })

    it.each([...Object.keys(policies), 'slots'])(
      'an attempt that reaches the server late undoes no refund and no release: %s',
      async (policy) => {
        const limits = [
          policy === 'slots' ? concurrency({ name: 'a', limit: 3, ttl: '10m' }) : policies[policy]!,
        ]
        await connected(limits)
        const [limiter, other] = [make(setup.client, limits), make(setup.direct, limits)]
        await other.consume('u')
        const delayed = setup.proxies.map((proxy) => proxy.hold())
        const pending = limiter.consume('u')
        await eventually(() => delayed.some(({ bytes }) => bytes > 0))
        for (const proxy of setup.proxies) proxy.drop()
        const decision = await pending
        if (decision.allowed)
          await (policy === 'slots' ? decision.release() : limiter.refund(decision))
        await eventually(async () => (await isUndone()) && (await other.peek('u')).remaining === 2)
        await Promise.all(delayed.map((requests) => requests.deliver()))
        expect((await other.peek('u')).remaining).toBe(2)

        async function isUndone(): Promise<boolean> {
          if (policy === 'slots') return (await countEndedAttempts()) === 1
          const refunds = await Promise.all(
            setup.servers.map((server) => server.cli('KEYS', `*lost${prefixes}:u*refund*`)),
          )
          return refunds.join('') !== ''
        }
      },
    )
  },
  60_000,
)
