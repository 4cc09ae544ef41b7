import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startCluster, startProxy, startRedis, type HeldRequests } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { describe, expect, it, vi } from 'vitest'
import {
  createLocks,
  createReadWriteLock,
  createRedlock,
  createSemaphore,
  LockTimeoutError,
  type Lock,
} from '../src/index.js'
import { onEach } from './cases.js'
import { Echo, intercept, openLine } from './connections.js'
import { connect, driverNames, hasty } from './drivers.js'
import { withoutReceipts } from './receipts.js'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

// A step that is sent again, by a driver that got no reply, is executed twice: on every topology.
onEach(({ newClient, ask, keys }) => {
  describe('where each step is executed twice, and again later', () => {
    const kinds: Record<
      string,
      (client: CacheClient) => {
        acquire(options?: object): Promise<Lock>
        tryAcquire(): Promise<Lock | null>
        close(): Promise<void>
      }
    > = {
      lock: (client) => {
        const locks = createLocks({ client })
        return {
          acquire: (options) => locks.acquire('x', options),
          tryAcquire: () => locks.tryAcquire('x'),
          close: () => locks.close(),
        }
      },
      permit: (client) => createSemaphore({ client, name: 'x', permits: 1 }),
      'write lock': (client) => {
        const lock = createReadWriteLock({ client, name: 'x' })
        return {
          acquire: (options) => lock.write.acquire(options),
          tryAcquire: () => lock.write.tryAcquire(),
          close: () => lock.close(),
        }
      },
    }

    it.each(Object.entries(kinds))(
      'a %s is held once, for no longer and no shorter than it was asked for, and given back once',
      async (_, make) => {
        const echo = new Echo(newClient())
        const [mine, others] = [make(echo.client), make(newClient())]
        const lock = await mine.acquire({ ttl: '20s', renew: false })
        await echo.repeat()
        expect(lock.remaining).toBeGreaterThan(15_000)
        await lock.extend('60s')
        const before = lock.remaining
        await echo.repeat()
        await lock.extend('30s')
        expect(lock.remaining).toBeGreaterThan(before - 5_000)
        expect(await others.tryAcquire()).toBeNull()
        expect(await lock.release()).toBe(true)
        await echo.repeat()
        const next = (await others.tryAcquire())!
        expect(next.fence).toBeGreaterThan(lock.fence)
        await echo.repeat()
        next.assertHeld()
        await next.extend()
        expect(await next.release()).toBe(true)
        await echo.repeat()
        expect(withoutReceipts(await keys()).filter((key) => !key.endsWith(':fence'))).toEqual([])
        await Promise.all([mine.close(), others.close()])
      },
    )

    it.each(Object.entries(kinds))(
      'a %s that was refused is not taken by a copy of the request that comes when it is free',
      async (_, make) => {
        const echo = new Echo(newClient())
        const [mine, others] = [make(echo.client), make(newClient())]
        const holder = await others.acquire()
        expect(await mine.tryAcquire()).toBeNull()
        const waiting = others.acquire({ wait: '30s' })
        expect(await mine.tryAcquire()).toBeNull()
        expect(await holder.release()).toBe(true)
        expect(await (await waiting).release()).toBe(true)
        await echo.repeat()
        await (await others.tryAcquire())!.release()
        await Promise.all([mine.close(), others.close()])
      },
    )

    it('nor are several locks, of which one was not free', async () => {
      const echo = new Echo(newClient())
      const [mine, others] = [
        createLocks({ client: echo.client }),
        createLocks({ client: newClient() }),
      ]
      const names = ['{t}a', '{t}b', '{t}c']
      for (const busy of names) {
        const holder = await others.acquire(busy)
        await expect(mine.acquireAll(names, { ttl: '10m', wait: 500 })).rejects.toBeInstanceOf(
          LockTimeoutError,
        )
        expect(await holder.release()).toBe(true)
        await echo.repeat()
        expect(await (await others.acquireAll(names, { wait: '1s' })).release()).toBe(true)
      }
    })

    it('waiters keep their order, and those who left do not come back', async () => {
      const echoes = [new Echo(newClient()), new Echo(newClient()), new Echo(newClient())]
      const [a, b, c] = echoes.map(({ client }) => createLocks({ client })) as [
        ReturnType<typeof createLocks>,
        ReturnType<typeof createLocks>,
        ReturnType<typeof createLocks>,
      ]
      const holder = await createLocks({ client: newClient() }).acquire('x')
      const order: string[] = []
      const waiting = async (count: number): Promise<void> =>
        vi.waitFor(async () => expect((await a.inspect('x'))!.waiting).toBe(count), {
          timeout: 10_000,
        })
      const controller = new AbortController()
      const gone = c.acquire('x', { signal: controller.signal })
      gone.catch(() => undefined)
      await waiting(1)
      const first = a.withLock(
        'x',
        () => {
          order.push('a')
        },
        { wait: '30s' },
      )
      await waiting(2)
      const second = b.withLock(
        'x',
        () => {
          order.push('b')
        },
        { wait: '30s' },
      )
      await waiting(3)
      controller.abort(new Error('no time'))
      await expect(gone).rejects.toThrow('no time')
      await waiting(2)
      for (const echo of [...echoes].reverse()) await echo.repeat('lock acquire')
      await waiting(2)
      expect(await holder.release()).toBe(true)
      await Promise.all([first, second])
      expect(order).toEqual(['a', 'b'])
      for (const echo of echoes) await echo.repeat('lock acquire')
      expect(await a.inspect('x')).toBeNull()
    })

    it('several locks are taken and given back together, and one is taken from its holder only once', async () => {
      const echo = new Echo(newClient())
      const [mine, others] = [
        createLocks({ client: echo.client }),
        createLocks({ client: newClient() }),
      ]
      const names = ['{t}a', '{t}b', '{t}c']
      const set = await mine.acquireAll(names)
      set.assertHeld()
      expect(await set.release()).toBe(true)
      await echo.repeat()
      const next = await others.acquireAll(names)
      expect(await mine.forceRelease('{t}a')).toBe(true)
      const third = (await others.tryAcquire('{t}a'))!
      await echo.repeat()
      await third.extend()
      expect(await third.release()).toBe(true)
      expect(await next.release()).toBe(false)
      expect(await mine.forceRelease('{t}a')).toBe(false)
    })

    it('an extension that comes behind a later, shorter one does not prolong the lock', async () => {
      const client = newClient()
      let first: (() => Promise<unknown>) | undefined
      const keepsFirst: CacheClient = {
        ...client,
        run: async (script, ...rest) => {
          if (script.name !== 'lock extend' || first) return client.run(script, ...rest)
          first = () => client.run(script, ...rest)
          throw new Error('it is still on its way')
        },
      }
      const locks = createLocks({ client: keepsFirst })
      const lock = await locks.acquire('x', { ttl: '5s', renew: false })
      await expect(lock.extend('10m')).rejects.toThrow('on its way')
      await lock.extend('10s')
      expect(await first!()).toBeLessThanOrEqual(10_000)
      expect(await ask('PTTL', 'shop:lock:x')).toBeLessThanOrEqual(10_000)
      expect(await lock.release()).toBe(true)
    })
  })
})

describe.each(driverNames)(
  'what an old connection delivers late, on %s',
  { timeout: 60_000 },
  (driver) => {
    const kinds: Record<
      string,
      {
        readonly key: string
        make(client: CacheClient): {
          acquire(options?: object): Promise<Lock>
          tryAcquire(): Promise<Lock | null>
        }
      }
    > = {
      lock: {
        key: 'lock:x',
        make: (client) => {
          const locks = createLocks({ client })
          return {
            acquire: (options) => locks.acquire('x', options),
            tryAcquire: () => locks.tryAcquire('x'),
          }
        },
      },
      permit: {
        key: 'semaphore:x',
        make: (client) => createSemaphore({ client, name: 'x', permits: 1 }),
      },
    }

    it.each(Object.entries(kinds))(
      'of the request for a %s: it neither shortens nor prolongs it, nor takes it for nobody after its release',
      async (_, { key, make }) => {
        await using line = await openLine(driver)
        const { server, proxy, client, other } = line
        const [mine, others] = [make(client), make(other)]
        const pttl = async (): Promise<number> => Number(await server.cli('PTTL', key))
        await (await mine.acquire()).release()
        for (const released of [false, true]) {
          const held = proxy.hold()
          const acquiring = mine.acquire({ ttl: '2s', renew: false, wait: '20s' })
          await vi.waitFor(() => expect(held.bytes).toBeGreaterThan(0))
          proxy.drop()
          const lock = await acquiring
          await lock.extend('30s')
          if (released) expect(await lock.release()).toBe(true)
          const before = await pttl()
          await held.deliver()
          const after = await pttl()
          expect(after).toBeLessThanOrEqual(before)
          expect(after).toBeGreaterThan(released ? -3 : 20_000)
          if (released) {
            await (await others.tryAcquire())!.release()
          } else {
            expect(await others.tryAcquire()).toBeNull()
            expect(await lock.release()).toBe(true)
          }
        }
      },
    )

    it('of a release of what was granted too late: it does not free what was granted since', async () => {
      await using line = await openLine(driver)
      const { server, proxy, client, other } = line
      await (await createLocks({ client }).acquire('x')).release()
      let held: HeldRequests | undefined
      const stalling = intercept(
        client,
        'lock release',
        () => {
          held = proxy.hold()
        },
        async () => {
          await vi.waitFor(() => expect(held!.bytes).toBeGreaterThan(0), { timeout: 15_000 })
          proxy.drop()
        },
      )
      proxy.delay(250, 'replies')
      // its deadline is over when it is granted
      const acquiring = createLocks({ client: stalling }).acquire('x', { ttl: 200, wait: '20s' })
      await vi.waitFor(() => expect(held).toBeDefined(), { timeout: 10_000, interval: 1 })
      proxy.delay(0, 'replies')
      const lock = await acquiring
      await lock.extend('30s')
      await held!.deliver()
      expect(Number(await server.cli('PTTL', 'lock:x'))).toBeGreaterThan(20_000)
      expect(await createLocks({ client: other }).tryAcquire('x')).toBeNull()
      expect(await lock.release()).toBe(true)
    })

    it('of releases and requests to several independent servers: they do not free what was granted since', async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis()))
      const proxies = await Promise.all(servers.map((server) => startProxy(server)))
      const [behind, direct] = [proxies, servers].map((targets) =>
        targets.map(({ url }) => connect(driver, url, hasty)),
      ) as [ReturnType<typeof connect>[], ReturnType<typeof connect>[]]
      try {
        const held: HeldRequests[] = []
        const clients = behind.map(({ client }, i) =>
          intercept(
            client,
            'lock release',
            () => {
              held[i] = proxies[i]!.hold()
            },
            async () => {
              await vi.waitFor(() => expect(held[i]!.bytes).toBeGreaterThan(0), { timeout: 15_000 })
              proxies[i]!.drop()
            },
          ),
        )
        // It is granted by none of them, and all are asked to forget the attempt.
        const others = createRedlock({ clients: direct.map(({ client }) => client) })
        const first = await others.acquire('x')
        const acquiring = createRedlock({ clients }).acquire('x', { ttl: '20s', wait: '20s' })
        await vi.waitFor(() => expect(held.filter(Boolean)).toHaveLength(3), {
          timeout: 10_000,
          interval: 1,
        })
        await first.release()
        const lock = await acquiring
        await lock.extend()
        for (const requests of held) await requests.deliver()
        await lock.extend()
        expect(await others.tryAcquire('x')).toBeNull()
        expect(await lock.release()).toBe(true)
      } finally {
        await Promise.all([...behind, ...direct].map((one) => one[Symbol.asyncDispose]()))
        await Promise.all(proxies.map((proxy) => proxy.close()))
        await Promise.all(servers.map((server) => server.stop()))
      }
    })

    it('a release whose reply is lost says that the lock was given back', async () => {
      await using line = await openLine(driver)
      const { proxy, client } = line
      for (const { make } of Object.values(kinds)) {
        const mine = make(client)
        await (await mine.acquire()).release() // the server knows the scripts
        const lock = await mine.acquire()
        const before = proxy.swallowed
        proxy.swallow('replies')
        const releasing = lock.release()
        await vi.waitFor(() => expect(proxy.swallowed).toBeGreaterThan(before))
        await proxy.pass()
        expect(await releasing).toBe(true)
        await sleep(100) // it is connected again
      }
    })
  },
)

it.each(driverNames)(
  'a release whose reply is lost on a Cluster says that the lock was given back, on %s',
  async (driver) => {
    const cluster = await startCluster({ primaries: 3 })
    const proxies = new Map(
      await Promise.all(
        cluster.nodes.map(
          async (node) => [`${node.host}:${node.port}`, await startProxy(node)] as const,
        ),
      ),
    )
    const map = Object.fromEntries(
      [...proxies].map(([address, { host, port }]) => [address, { host, port }]),
    )
    const [first] = proxies.values()
    const at = { host: first!.host, port: first!.port }
    const opened = driver === 'ioredis' ? ioredisCluster([at], map) : nodeRedisCluster(at, map)
    const client = createCacheClient(opened.driver, { namespace: 'shop' })
    const locks = createLocks({ client })
    try {
      for (let i = 0; i < 3; i++) {
        await locks.withLock(i, (lock) => lock.extend())
        const lock = await locks.acquire(i, { ttl: '30s', renew: false })
        for (const proxy of proxies.values()) proxy.swallow('replies')
        const releasing = lock.release()
        await vi.waitFor(() =>
          expect([...proxies.values()].some(({ swallowed }) => swallowed > 0)).toBe(true),
        )
        await sleep(50)
        await Promise.all([...proxies.values()].map((proxy) => proxy.pass()))
        expect(await releasing).toBe(true)
        await vi.waitFor(async () => (await locks.tryAcquire(i))!.release(), { timeout: 10_000 })
      }
      await locks.close()
    } finally {
      await client.close()
      opened.end()
      await Promise.all([...proxies.values()].map((proxy) => proxy.close()))
      await cluster.stop()
    }
  },
  60_000,
)

type AddressMap = Record<string, { host: string; port: number }>

function ioredisCluster(nodes: { host: string; port: number }[], natMap: AddressMap) {
  const cluster = new Cluster(nodes, { natMap, slotsRefreshTimeout: 3_000 })
  cluster.on('error', () => undefined)
  return { driver: ioredisDriver(cluster), end: () => cluster.disconnect() }
}

function nodeRedisCluster(node: { host: string; port: number }, nodeAddressMap: AddressMap) {
  const cluster = createCluster({
    rootNodes: [{ socket: node }],
    nodeAddressMap,
    defaults: { socket: { reconnectStrategy: 50 } },
  })
  cluster.on('error', () => undefined)
  return { driver: nodeRedisDriver(cluster), end: () => cluster.destroy() }
}
