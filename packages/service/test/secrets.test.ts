import { createAside } from '@cache/aside'
import { channels, createCacheClient, encrypted, json, type CacheClient } from '@cache/core'
import { createToken } from '@cache/core/internal'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createHierarchical } from '@cache/hierarchical'
import { createLocks, createReadWriteLock, createSemaphore } from '@cache/lock'
import {
  createInvalidationBus,
  createInvalidator,
  createTrackingBus,
  drop,
  listRemove,
  setRemove,
  withNearCache,
} from '@cache/pubsub-invalidation'
import { concurrency, createRateLimiter, slidingWindow } from '@cache/ratelimit'
import { createCacheService } from '@cache/service'
import { shardedDriver } from '@cache/sharding'
import {
  everythingShown,
  startProxy,
  startRedis,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { createVersioned } from '@cache/versioning'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

/** Markers: none of them may be found in anything that can be printed. */
const VALUE = 'V4LUE-of-a-customer'
const PATCH = 'P4TCH-of-a-customer'
const PASSWORD = 'P4SSWORD'
const CODEC_KEY = 'C0DE'.repeat(16)
/**
 * The prefix of this process' tokens: of locks, leases and receipts. The session of a writer is a
 * name and part of a key.
 */
const [TOKEN] = createToken().split('.')
const MARKERS = new RegExp(`V4LUE|P4TCH|P4SSWORD|C0DEC0DE|(?<!session:)${TOKEN}`, 'i')

const codec = encrypted<any>(json, { keys: { k: CODEC_KEY } })
const row = { name: VALUE }

const messages: unknown[] = []
const listen = (message: unknown): void => void messages.push(message)
beforeEach(() => {
  messages.length = 0
  for (const channel of Object.values(channels)) channel.subscribe(listen)
})
afterEach(() => {
  for (const channel of Object.values(channels)) channel.unsubscribe(listen)
})

let server: RedisServer
let other: RedisServer
let proxy: TcpProxy
beforeAll(async () => {
  server = await startRedis({ password: PASSWORD })
  other = await startRedis({ password: PASSWORD })
  proxy = await startProxy(server)
})
afterAll(async () => {
  await proxy.close()
  await Promise.all([server.stop(), other.stop()])
})

/** Everything that each pattern does, with values in all places; what of it fails. */
async function useEverything(client: CacheClient): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  const attempt = async (work: () => unknown): Promise<unknown> => {
    try {
      return await work()
    } catch (error) {
      failures.push(error)
      return undefined
    }
  }
  const soon = { wait: '300ms', ttl: '5s' } as const
  const load = async (): Promise<typeof row> => row

  const products = createAside<typeof row, number>({ client, prefix: 'product', ttl: '1h', codec })
  const users = createWriteThrough({
    client,
    prefix: 'user',
    ttl: '1h',
    codec,
    load: async (_: number) => row,
    store: async (_: number, patch: typeof row) => patch,
    remove: async () => undefined,
  })
  const rows = createVersioned({
    client,
    prefix: 'row',
    ttl: '1h',
    codec,
    load: async (_: number) => row,
    groups: () => ['g'],
  })
  const shelves = createHierarchical({
    client,
    ttl: '1h',
    item: { prefix: 'item', id: ({ id }: { id: number; name: string }) => id },
    group: { prefix: 'shelf', id: () => 7 },
    groupOf: async () => 7,
    loadGroup: async () => [{ id: 1, name: VALUE }],
  })
  const locks = createLocks({ client })
  const semaphore = createSemaphore({ client, name: 'pool', permits: 1 })
  const readWrite = createReadWriteLock({ client, name: 'table' })
  const limiter = createRateLimiter({
    client,
    prefix: 'api',
    limits: [slidingWindow({ name: 'a', limit: 5, window: '1m' })],
    deadline: '300ms',
  })
  const slots = createRateLimiter({
    client,
    prefix: 'slots',
    limits: [concurrency({ name: 'a', limit: 5, ttl: '1m' })],
    deadline: '300ms',
  })
  const visits = createWriteBehind<typeof row, string, typeof row>({
    client,
    prefix: 'visits',
    ttl: '1h',
    codec,
    load: async () => row,
    merge: (_, patch) => patch,
  })
  const worker = createWriteBehindWorker<typeof row>({
    client,
    prefix: 'visits',
    codec,
    flush: async () => undefined,
  })
  const bus = createInvalidationBus({ client })
  const tracking = createTrackingBus({ client })
  const near = withNearCache(client, { bus, ttl: '30s' })
  const nearProducts = createAside<typeof row, number>({
    client: near,
    prefix: 'product',
    ttl: '1h',
    codec,
  })
  const service = createCacheService({ client, ttl: '1h', codec })
  const invalidator = createInvalidator({
    client,
    bus,
    rules: {
      changed: (name: string) => [
        drop(['product', 1]),
        listRemove('n', name),
        setRemove('page', name),
      ],
    },
  })

  const stop = new AbortController()
  const running = attempt(() => worker.run({ signal: stop.signal }))
  await Promise.all([
    attempt(() => products.getOrLoad(1, load)),
    attempt(() => products.set(1, row)),
    attempt(() => products.mutate(1, load)),
    attempt(() => products.invalidate(1)),
    attempt(() => products.getOrLoadMany([1, 2], async () => new Map([[2, row]]))),
    attempt(() => users.get(1)),
    attempt(() => users.update(1, { name: PATCH })),
    attempt(() => users.put(1, row)),
    attempt(() =>
      users.updateMany([
        [1, { name: PATCH }],
        [2, { name: PATCH }],
      ]),
    ),
    attempt(() => users.delete(1)),
    attempt(() => rows.get(1)),
    attempt(() => rows.set(1, row)),
    attempt(() => rows.bump('g')),
    attempt(() => rows.mutate(1, load)),
    attempt(() => shelves.get(1)),
    attempt(() => shelves.getGroup(7)),
    attempt(() => shelves.invalidateGroup(7)),
    attempt(async () => (await locks.acquire('x', soon)).release()),
    attempt(async () => (await locks.acquire('x', soon)).extend('1s')),
    attempt(() => locks.inspect('x')),
    attempt(async () => (await semaphore.acquire(soon)).release()),
    attempt(async () => (await readWrite.write.acquire(soon)).release()),
    attempt(async () => limiter.refund(await limiter.consume('u'))),
    attempt(() => limiter.reset('u')),
    attempt(async () => (await slots.consume('u')).release()),
    attempt(() => visits.update('1', { name: PATCH })),
    attempt(() => visits.put('2', row)),
    attempt(() => visits.get('1')),
    attempt(() =>
      visits.putMany([
        ['3', row],
        ['4', row],
      ]),
    ),
    attempt(() => visits.deadLetters.list()),
    attempt(() => bus.publish({ keys: ['product:1'] })),
    attempt(() => nearProducts.getOrLoad(1, load)),
    attempt(() => nearProducts.set(1, row)),
    attempt(() => nearProducts.mutate(1, load)),
    attempt(() => service.get('page', load)),
    attempt(() => service.set('page', row)),
    attempt(() => service.mutate(['page'], load)),
    attempt(() => service.increment('n', 7)),
    attempt(() => invalidator.emit('changed', VALUE)),
  ])
  stop.abort()
  await running
  await Promise.all(
    [locks, semaphore, readWrite, visits, users, service, near, bus, tracking].map((one) =>
      attempt(() => one.close()),
    ),
  )
  return failures
}

type Use = (url: string) => { readonly client: CacheClient; end(): unknown }
const options = {
  namespace: 'shop',
  resilience: { readTimeout: '300ms', writeTimeout: '300ms' },
} as const
const addressOf = (place: { readonly host: string; readonly port: number }): string =>
  `redis://:${PASSWORD}@${place.host}:${place.port}`
const uses: Readonly<Record<string, Use>> = {
  ioredis(url) {
    const redis = new Redis(url, { retryStrategy: () => 100 })
    return {
      client: createCacheClient(ioredisDriver(redis), options),
      end: () => redis.disconnect(),
    }
  },
  'node-redis'(url) {
    const redis = createClient({ url, socket: { reconnectStrategy: () => 100 } })
    return {
      client: createCacheClient(nodeRedisDriver(redis), options),
      end: () => redis.destroy(),
    }
  },
  shards(url) {
    const one = new Redis(url, { retryStrategy: () => 100 })
    const two = createClient({ url: addressOf(other), socket: { reconnectStrategy: () => 100 } })
    const driver = shardedDriver({ shards: { one: ioredisDriver(one), two: nodeRedisDriver(two) } })
    return {
      client: createCacheClient(driver, options),
      end: () => {
        one.disconnect()
        two.destroy()
      },
    }
  },
}

/** What goes wrong, and what ends it. */
const faults: Readonly<Record<string, () => Promise<() => unknown>>> = {
  'nothing goes wrong': async () => () => undefined,
  'the password is wrong': async () => {
    for (const one of [server, other]) await one.cli('CONFIG', 'SET', 'requirepass', 'another')
    return async () => {
      for (const one of [server, other])
        await cliWith(one, 'another', 'CONFIG', 'SET', 'requirepass', PASSWORD)
    }
  },
  'nothing is answered': async () => {
    proxy.swallow('replies')
    return () => void proxy.pass()
  },
  'nobody is there': async () => {
    await proxy.cut()
    return () => void proxy.pass()
  },
  'scripts are not allowed': async () => {
    for (const one of [server, other])
      await one.cli('ACL', 'SETUSER', 'default', '-eval', '-evalsha')
    return async () => {
      for (const one of [server, other])
        await one.cli('ACL', 'SETUSER', 'default', '+eval', '+evalsha')
    }
  },
  'the servers are full': async () => {
    for (const one of [server, other]) await one.cli('CONFIG', 'SET', 'maxmemory', '1')
    return async () => {
      for (const one of [server, other]) await one.cli('CONFIG', 'SET', 'maxmemory', '0')
    }
  },
  'all keys are of another kind': async () => {
    const names = ['product:1', 'user:1', 'row:1', 'item:1', 'shelf:7', 'page', 'n', 'lock:x']
    for (const one of [server, other])
      for (const name of names) await one.cli('SADD', `shop:${name}`, VALUE)
    return () => undefined
  },
}

async function cliWith(
  one: RedisServer,
  password: string,
  ...args: [string, ...string[]]
): Promise<void> {
  const admin = new Redis({ host: one.host, port: one.port, password })
  await admin.call(args[0], args.slice(1))
  admin.disconnect()
}

describe.each(Object.keys(uses))(
  'on %s, all patterns tell and throw no values, passwords and keys of codecs where',
  (name) => {
    it.each(Object.keys(faults))('%s', async (fault) => {
      for (const one of [server, other]) await one.flush()
      const undo = await faults[fault]!()
      const { client, end } = uses[name]!(addressOf(proxy))
      try {
        const failures = await useEverything(client)
        if (fault !== 'nothing goes wrong') expect(failures.length).toBeGreaterThan(0)
        for (const one of [...failures, ...messages])
          expect(MARKERS.exec(everythingShown(one))?.[0], everythingShown(one)).toBeUndefined()
      } finally {
        await client.close()
        await end()
        await undo()
      }
    })
  },
)
