import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedisCluster, startProxy, startRedis, type HeldRequests } from '@cache/testkit'
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { describe, expect, it, vi } from 'vitest'
import { createLocks, createRedlock, createSemaphore, type Lock } from '../src/index.js'
import { connect, driverNames, shortTimeouts } from './drivers.js'
import { startProxiedServer } from './proxied-server.js'
import { interceptFirst } from './wrapped-clients.js'

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe.each(driverNames)(
  'a request that an old connection delivers late, on %s',
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
      'to acquire a %s neither changes its ttl nor acquires it after its release',
      async (_, { key, make }) => {
        await using proxied = await startProxiedServer(driver)
        const { server, proxy, client, directClient } = proxied
        const [mine, others] = [make(client), make(directClient)]
        const pttl = async (): Promise<number> => Number(await server.cli('PTTL', key))
        await (await mine.acquire()).release()
        for (const released of [false, true]) {
          const heldRequests = proxy.hold()
          const acquiring = mine.acquire({ ttl: '2s', renew: false, wait: '20s' })
          await vi.waitFor(() => expect(heldRequests.bytes).toBeGreaterThan(0))
          proxy.drop()
          const lock = await acquiring
          await vi.waitFor(() => lock.extend('30s'), { timeout: 10_000 })
          if (released) expect(await lock.release()).toBe(true)
          const before = await pttl()
          await heldRequests.deliver()
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

    it('to release a lock that was granted too late does not release a later one', async () => {
      await using proxied = await startProxiedServer(driver)
      const { server, proxy, client, directClient } = proxied
      await (await createLocks({ client }).acquire('x')).release()
      let heldRequests: HeldRequests | undefined
      const stalling = interceptFirst(
        client,
        'lock release',
        () => {
          heldRequests = proxy.hold()
        },
        async () => {
          await vi.waitFor(() => expect(heldRequests!.bytes).toBeGreaterThan(0), {
            timeout: 15_000,
          })
          proxy.drop()
        },
      )
      proxy.delay(250, 'replies')
      // its deadline has passed when it is granted
      const acquiring = createLocks({ client: stalling }).acquire('x', { ttl: 200, wait: '20s' })
      await vi.waitFor(() => expect(heldRequests).toBeDefined(), { timeout: 10_000, interval: 1 })
      proxy.delay(0, 'replies')
      const lock = await acquiring
      await vi.waitFor(() => lock.extend('30s'), { timeout: 10_000 })
      await heldRequests!.deliver()
      expect(Number(await server.cli('PTTL', 'lock:x'))).toBeGreaterThan(20_000)
      expect(await createLocks({ client: directClient }).tryAcquire('x')).toBeNull()
      expect(await lock.release()).toBe(true)
    })

    it('to release on several independent servers does not release a later lock', async () => {
      const servers = await Promise.all([1, 2, 3].map(() => startRedis()))
      const proxies = await Promise.all(servers.map((server) => startProxy(server)))
      const connectAll = (targets: readonly { readonly url: string }[]) =>
        targets.map(({ url }) => connect(driver, url, shortTimeouts))
      const [proxied, direct] = [connectAll(proxies), connectAll(servers)]
      try {
        const heldRequests: HeldRequests[] = []
        const clients = proxied.map(({ client }, i) =>
          interceptFirst(
            client,
            'lock release',
            () => {
              heldRequests[i] = proxies[i]!.hold()
            },
            async () => {
              await vi.waitFor(() => expect(heldRequests[i]!.bytes).toBeGreaterThan(0), {
                timeout: 15_000,
              })
              proxies[i]!.drop()
            },
          ),
        )
        // No server grants the attempt, and all are asked to release it.
        const others = createRedlock({ clients: direct.map(({ client }) => client) })
        const first = await others.acquire('x')
        const acquiring = createRedlock({ clients }).acquire('x', { ttl: '20s', wait: '20s' })
        await vi.waitFor(() => expect(heldRequests.filter(Boolean)).toHaveLength(3), {
          timeout: 10_000,
          interval: 1,
        })
        await first.release()
        const lock = await acquiring
        await lock.extend()
        for (const requests of heldRequests) await requests.deliver()
        await lock.extend()
        expect(await others.tryAcquire('x')).toBeNull()
        expect(await lock.release()).toBe(true)
      } finally {
        await Promise.all(
          [...proxied, ...direct].map((connection) => connection[Symbol.asyncDispose]()),
        )
        await Promise.all(proxies.map((proxy) => proxy.close()))
        await Promise.all(servers.map((server) => server.stop()))
      }
    })

    it('a release whose reply is lost resolves to true', async () => {
      await using proxied = await startProxiedServer(driver)
      const { proxy, client } = proxied
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
        await sleep(100) // the client is connected again
      }
    })
  },
)

it.each(driverNames)(
  'a release whose reply is lost on a Cluster resolves to true, on %s',
  async (driver) => {
    const cluster = await startRedisCluster({ primaries: 3 })
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
