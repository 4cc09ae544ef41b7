import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAside } from '@cache/aside'
import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks } from '@cache/lock'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { startRedisCluster, startRedis, type RedisCluster, type RedisServer } from '@cache/testkit'
import * as ioredis6 from 'ioredis'
import * as redis6 from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const fromTestkit = createRequire(fileURLToPath(import.meta.resolve('@cache/testkit')))
const ioredisMajors = {
  'ioredis 6': ioredis6,
  'ioredis 5': fromTestkit('ioredis-5') as typeof ioredis6,
}
const redisMajors = { 'redis 6': redis6, 'redis 5': fromTestkit('redis-5') as typeof redis6 }

let server: RedisServer
let cluster: RedisCluster
let directory: string
let path: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cache-socket-'))
  path = join(directory, 'redis.sock')
  server = await startRedis({ config: { unixsocket: path } })
  cluster = await startRedisCluster()
})
beforeEach(async () => {
  await server.flush()
  await cluster.flush()
})
afterAll(async () => {
  await cluster?.stop()
  await server?.stop()
  await rm(directory, { recursive: true, force: true })
})

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

/** One of each of the jobs that ask a client for something else. */
async function useAll(driver: Driver): Promise<void> {
  const client = createCacheClient(driver, {
    namespace: 'shop',
    resilience: { readTimeout: '5s', writeTimeout: '5s' },
  })
  opened.push(() => client.close())
  await using bus = createInvalidationBus({ client })
  await bus.ready()
  const near = withNearCache(client, { bus, ttl: '30s' })
  const products = createAside<{ name: string }, number>({
    client: near,
    prefix: 'product',
    ttl: '1h',
  })
  const ids = Array.from({ length: 12 }, (_, id) => id)
  const names = async (name: string) =>
    Promise.all(ids.map(async (id) => (await products.getOrLoad(id, async () => ({ name }))).name))
  expect(await names('chair')).toEqual(ids.map(() => 'chair'))
  expect(await names('other')).toEqual(ids.map(() => 'chair'))
  await products.mutate(1, async () => undefined)
  expect(await products.getOrLoad(1, async () => ({ name: 'new' }))).toEqual({ name: 'new' })
  await using locks = createLocks({ client })
  const lock = await locks.acquire('x', { ttl: '10s' })
  const next = locks.acquire('x', { ttl: '10s', wait: '8s' })
  expect(await locks.tryAcquire('x')).toBe(null)
  await lock.release()
  await (await next).release()
  const limiter = createRateLimiter({
    client,
    prefix: 'api',
    limits: [slidingWindow({ name: 'a', limit: 2, window: '1m' })],
    deadline: '5s',
  })
  const decisions = [
    await limiter.consume('u'),
    await limiter.consume('u'),
    await limiter.consume('u'),
  ]
  expect(
    decisions.map(({ allowed, degraded, remaining }) => [allowed, degraded, remaining]),
  ).toEqual([
    [true, false, 1],
    [true, false, 0],
    [false, false, 0],
  ])
  expect(await client.entries.increment(client.key('n'), 5)).toBe(5)
}

describe.each(Object.entries(ioredisMajors))('%s', (_, { Redis, Cluster }) => {
  const standalone = (options: object) => {
    const redis = new Redis({ host: server.host, port: server.port, ...options }).on(
      'error',
      () => undefined,
    )
    opened.push(() => redis.disconnect())
    return redis
  }
  const clustered = (options: object) => {
    const redis = new Cluster(
      cluster.addresses.map(({ host, port }) => ({ host, port })),
      options,
    ).on('error', () => undefined)
    opened.push(() => redis.disconnect())
    return redis
  }

  it.each<[object]>([
    [{ lazyConnect: true }],
    [{ enableOfflineQueue: false }],
    [{ maxRetriesPerRequest: null }],
    [{ maxRetriesPerRequest: 0 }],
    [{ showFriendlyErrorStack: true }],
    [{ commandTimeout: 3_000 }],
    [{ socketTimeout: 3_000 }],
    [{ blockingTimeout: 3_000 }],
    [{ db: 3 }],
    [{ enableReadyCheck: false }],
    [{ autoResubscribe: false }],
    [{ autoResendUnfulfilledCommands: false }],
    [{ noDelay: false }],
    [{ keepAlive: 100 }],
    [{ connectionName: 'shop' }],
    [{ protocol: 2 }],
    [{ protocol: 3 }],
    [{ retryStrategy: null }],
    [{ reconnectOnError: () => 2 }],
    [{ disableClientInfo: true }],
    [{ stringNumbers: false }],
    [{ keyPrefix: '' }],
    [{ monitor: false }],
    [{ strictMode: true }],
    [{ replyMap: true }],
  ])('%o works', async (options) => {
    await useAll(ioredisDriver(standalone(options)))
  })

  it('a unix socket works', async () => {
    const redis = new Redis({ path })
    opened.push(() => redis.disconnect())
    await useAll(ioredisDriver(redis))
  })

  it.each<[string, object]>([
    ['keyPrefix', { keyPrefix: 'a:' }],
    ['stringNumbers', { stringNumbers: true }],
    ['monitor', { monitor: true, lazyConnect: true }],
    ['readOnly', { readOnly: true, lazyConnect: true }],
  ])('%s is refused', (name, options) => {
    expect(() => ioredisDriver(standalone(options))).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', option: `client.options.${name}` }),
    )
  })

  it.each<[object]>([
    [{ lazyConnect: true }],
    [{ enableOfflineQueue: false }],
    [{ enableReadyCheck: false }],
    [{ scaleReads: 'master' }],
    [{ slotsRefreshTimeout: 5_000 }],
    [{ slotsRefreshInterval: 50 }],
    [{ maxRedirections: 1 }],
    [{ clusterRetryStrategy: null }],
    [
      {
        dnsLookup: (address: string, callback: (error: null, address: string) => void) =>
          callback(null, address),
      },
    ],
    [{ natMap: {} }],
    [{ natMap: () => null }],
    [{ retryDelayOnFailover: 0 }],
    [{ useSRVRecords: false }],
    [{ shardedSubscribers: true }],
    [{ redisOptions: { maxRetriesPerRequest: 0 } }],
    [{ redisOptions: { maxRetriesPerRequest: null, commandTimeout: 3_000 } }],
    [{ redisOptions: { protocol: 2 } }],
    [{ redisOptions: { enableReadyCheck: false, connectionName: 'shop' } }],
    [{ redisOptions: { readOnly: true } }],
    [{ redisOptions: { lazyConnect: false, enableOfflineQueue: false } }],
  ])('%o works on a Cluster', async (options) => {
    await useAll(ioredisDriver(clustered(options)))
  })

  it.each<[string, object]>([
    ['keyPrefix', { keyPrefix: 'a:' }],
    ['redisOptions.keyPrefix', { redisOptions: { keyPrefix: 'a:' } }],
    ['stringNumbers', { stringNumbers: true }],
    ['redisOptions.stringNumbers', { redisOptions: { stringNumbers: true } }],
    ['redisOptions.monitor', { redisOptions: { monitor: true } }],
    ['scaleReads', { scaleReads: 'slave' }],
    ['scaleReads', { scaleReads: 'all' }],
    ['scaleReads', { scaleReads: (nodes: unknown[]) => nodes[0] }],
  ])('%s is refused on a Cluster: %o', (name, options) => {
    expect(() => ioredisDriver(clustered({ lazyConnect: true, ...options }))).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', option: `client.options.${name}` }),
    )
  })
})

describe.each(Object.entries(redisMajors))(
  '%s',
  (
    major,
    {
      createClient,
      createCluster,
      createClientPool,
      createSentinel,
      RESP_TYPES,
      BasicClientSideCache,
    },
  ) => {
    const standalone = (options: object) => {
      const redis = createClient({
        socket: { host: server.host, port: server.port },
        ...options,
      } as never).on('error', () => undefined)
      opened.push(() => {
        if (redis.isOpen) redis.destroy()
      })
      return redis as never
    }
    const clustered = (options: object) => {
      const redis = createCluster({
        rootNodes: cluster.addresses.map(({ host, port }) => ({ socket: { host, port } })),
        ...options,
      } as never).on('error', () => undefined)
      opened.push(() => {
        if (redis.isOpen) redis.destroy()
      })
      return redis as never
    }
    const asBuffers = {
      [RESP_TYPES.BLOB_STRING]: Buffer,
      [RESP_TYPES.NUMBER]: String,
      [RESP_TYPES.SIMPLE_STRING]: Buffer,
    }

    it.each<[object]>([
      [{ RESP: 2 }],
      [{ RESP: 3 }],
      [{ disableOfflineQueue: true }],
      [{ commandsQueueMaxLength: 100 }],
      [{ pingInterval: 50 }],
      [{ database: 3 }],
      [{ name: 'shop' }],
      [{ disableClientInfo: true }],
      [{ clientInfoTag: 'shop' }],
      [{ commandOptions: { typeMapping: asBuffers } }],
      [{ commandOptions: { timeout: 3_000, asap: true } }],
      [{ RESP: 3, clientSideCache: { maxEntries: 10, ttl: 60_000 } }],
      [{ RESP: 3, clientSideCache: new BasicClientSideCache() }],
      [{ maintNotifications: 'disabled' }],
      [{ keyPrefix: '' }],
      [{ readonly: false }],
    ])('%o works', async (options) => {
      await useAll(nodeRedisDriver(standalone(options)))
    })

    it('a unix socket, and reconnectStrategy: false, work', async () => {
      await useAll(nodeRedisDriver(standalone({ socket: { path } })))
      await server.flush()
      await useAll(
        nodeRedisDriver(
          standalone({
            socket: {
              host: server.host,
              port: server.port,
              reconnectStrategy: false,
              socketTimeout: 3_000,
            },
          }),
        ),
      )
    })

    it('a client with command options of its own works', async () => {
      const redis = createClient({ socket: { host: server.host, port: server.port } }).on(
        'error',
        () => undefined,
      )
      opened.push(() => {
        if (redis.isOpen) redis.destroy()
      })
      await redis.connect()
      await useAll(nodeRedisDriver(redis.withTypeMapping(asBuffers as never) as never))
      await server.flush()
      await useAll(nodeRedisDriver(redis.withCommandOptions({ timeout: 3_000 }) as never))
    })

    it.each<[string, object]>([
      ['readonly', { readonly: true }],
      ...(major === 'redis 6' ? [['keyPrefix', { keyPrefix: 'a:' }] as [string, object]] : []),
    ])('%s is refused', (name, options) => {
      expect(() => nodeRedisDriver(standalone(options))).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', option: `client.options.${name}` }),
      )
    })

    it.skipIf(major === 'redis 5')('keyPrefix is refused of a Sentinel client', () => {
      const redis = createSentinel({
        name: 'shop',
        sentinelRootNodes: [{ host: server.host, port: server.port }],
        keyPrefix: 'a:',
      } as never)
      expect(() => nodeRedisDriver(redis as never)).toThrow(
        expect.objectContaining({ option: 'client.options.keyPrefix' }),
      )
    })

    it('pools, legacy clients and multis are refused', () => {
      const redis = createClient()
      for (const other of [createClientPool(), redis.createPool(), redis.legacy(), redis.multi()])
        expect(() => nodeRedisDriver(other as never)).toThrow(
          expect.objectContaining({ option: 'client' }),
        )
    })

    it.each<[object]>([
      [{ defaults: { RESP: 2 } }],
      [{ RESP: 3 }],
      [{ useReplicas: true }],
      [{ minimizeConnections: true }],
      [{ maxCommandRedirections: 1 }],
      [{ nodeAddressMap: {} }],
      [{ nodeAddressMap: () => undefined }],
      [{ defaults: { disableOfflineQueue: true } }],
      [{ defaults: { commandsQueueMaxLength: 100, pingInterval: 50 } }],
      [{ commandOptions: { typeMapping: asBuffers } }],
      [{ defaults: { commandOptions: { typeMapping: asBuffers } } }],
      [{ RESP: 3, clientSideCache: { maxEntries: 10, ttl: 60_000 } }],
      [{ topologyRefreshOnReconnectionAttempt: true }],
    ])('%o works on a Cluster', async (options) => {
      await useAll(nodeRedisDriver(clustered(options)))
    })

    it.each<[string, object]>([
      ['defaults.readonly', { defaults: { readonly: true } }],
      ...(major === 'redis 6'
        ? ([
            ['keyPrefix', { keyPrefix: 'a:' }],
            ['defaults.keyPrefix', { defaults: { keyPrefix: 'a:' } }],
          ] as [string, object][])
        : []),
    ])('%s is refused on a Cluster', (name, options) => {
      expect(() => nodeRedisDriver(clustered(options))).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', option: `client.options.${name}` }),
      )
    })
  },
)
