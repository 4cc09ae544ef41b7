import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createAside, type Aside } from '@cache/aside'
import { channels, createCacheClient, type CacheClient } from '@cache/core'
import { createFormat } from '@cache/core/internal'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, type RedisServer, type Stage } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  TrackingRefusedError,
  createTrackingBus,
  withNearCache,
  type InvalidationBus,
  type NearCacheClient,
} from '../src/index.js'
import { cases, killSubscriptions } from './cases.js'

const format = createFormat<number>()

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const python = isInstalled('python3')

describe.each(cases)('on $name', ({ start, topology }) => {
  let stage: Stage<CacheClient>
  let servers: readonly RedisServer[]
  const cleanup: (() => unknown)[] = []
  beforeAll(async () => {
    stage = await start()
    servers = topology === 'memory' ? [] : stage.primaries
  })
  afterAll(() => stage.stop())
  beforeEach(() => stage.flush())
  afterEach(async () => {
    for (const close of cleanup.splice(0).reverse()) await close()
  })

  async function node(prefixes?: readonly string[]): Promise<{
    client: CacheClient
    near: NearCacheClient
    bus: InvalidationBus
    rows: Aside<number>
  }> {
    const client = stage.driver()
    const bus = createTrackingBus({ client, ...(prefixes && { prefixes }) })
    await vi.waitFor(() => bus.ready(), { timeout: 10_000 })
    const near = withNearCache(client, { bus })
    cleanup.push(
      () => client.close(),
      () => bus.close(),
    )
    return {
      client,
      near,
      bus,
      rows: createAside<number>({ client: near, prefix: 'row', ttl: '1h' }),
    }
  }

  const threeNodes = (): Promise<Awaited<ReturnType<typeof node>>[]> =>
    Promise.all([node(), node(), node()])

  /**
   * Reads a row until all near caches contain it. A process is also told of what it stores itself,
   * and reads it again.
   */
  async function warm(
    nodes: readonly Awaited<ReturnType<typeof node>>[],
    id: number,
    value: number,
  ): Promise<void> {
    await vi.waitFor(async () => {
      for (const { rows } of nodes) expect(await rows.getOrLoad(id, () => value)).toBe(value)
      for (const { near } of nodes) expect(near.near.stats().entries).toBe(1)
    }, 10_000)
  }

  const payload = (key: string, value: number): string => String(format.encode(key, value))

  /** Returns the servers that may hold a key. On shards, it is the server that has the key. */
  async function serversOf(key: string): Promise<RedisServer[]> {
    if (topology !== 'sharded') return [...servers]
    const exists = await Promise.all(servers.map((server) => server.cli('EXISTS', key)))
    return servers.filter((_, i) => exists[i]?.trim() === '1')
  }

  /** Sends a command as another program: through redis-cli, or in memory through another client. */
  async function cli(name: string, key: string, ...rest: string[]): Promise<void> {
    if (topology === 'memory')
      return withClient((client) => client.send({ args: [name, key, ...rest], keys: [key] }))
    for (const server of await serversOf(key))
      if (!/^MOVED/.test(await server.cli(name, key, ...rest))) return
    throw new Error('no node accepted the command')
  }

  const writers: readonly (readonly [
    name: string,
    write: (key: string, value: number) => unknown,
  ])[] = [
    ['redis-cli SET', (key, value) => cli('SET', key, payload(key, value))],
    ['redis-cli DEL', (key) => cli('DEL', key)],
    ['redis-cli EXPIRE', (key) => cli('PEXPIRE', key, '1')],
    ['redis-cli FLUSHALL', () => stage.flush()],
    [
      'a cache client without a near cache',
      (key) => withClient((client) => client.entries.invalidate([key])),
    ],
  ]

  async function withClient(use: (client: CacheClient) => Promise<unknown>): Promise<void> {
    const client = stage.driver()
    await use(client)
    await client.close()
  }

  async function expectReadAgain(write: (key: string, value: number) => unknown): Promise<void> {
    const nodes = await threeNodes()
    await warm(nodes, 1, 10)
    await write('shop:row:1', 11)
    await vi.waitFor(async () => {
      for (const { rows } of nodes) expect(await rows.getOrLoad(1, () => 11)).toBe(11)
    }, 10_000)
  }

  it.each(writers)('%s: all near caches read the new value', (_, write) => expectReadAgain(write))

  it.skipIf(!python || topology === 'memory')(
    'a Python program: all near caches read the new value',
    () =>
      expectReadAgain(async (key, value) => {
        const [{ host, port }] = (await serversOf(key)) as [RedisServer]
        execFileSync('python3', [
          fileURLToPath(new URL('processes/set.py', import.meta.url)),
          host,
          String(port),
          key,
          payload(key, value),
        ])
      }),
  )

  it('a write through a near cache is visible in its process at once, then in others', async () => {
    const nodes = await threeNodes()
    for (let value = 1; value <= 5; value++) {
      await warm(nodes, 1, value - 1)
      const writer = nodes[value % nodes.length]!
      await (value % 2 === 0 ? writer.rows.set(1, value) : writer.rows.invalidate(1))
      expect(await writer.rows.getOrLoad(1, () => value)).toBe(value)
      await vi.waitFor(async () => {
        for (const { rows } of nodes) expect(await rows.getOrLoad(1, () => value)).toBe(value)
      }, 10_000)
    }
  })

  it('messages can be published as on any bus', async () => {
    const nodes = await threeNodes()
    await warm(nodes, 1, 10)
    await nodes[0]!.bus.publish({ prefix: 'row:' })
    expect(nodes[0]!.near.near.stats().entries).toBe(0)
    await vi.waitFor(() => {
      for (const { near } of nodes) expect(near.near.stats().entries).toBe(0)
    }, 5_000)
  })

  it('keys that are not tracked are not cached', async () => {
    const { near, rows } = await node(['shop:row:'])
    const other = createAside<number>({ client: near, prefix: 'other', ttl: '1h' })
    await vi.waitFor(async () => {
      for (const cache of [rows, other]) await cache.getOrLoad(1, () => 1)
      expect(near.near.stats().entries).toBe(1)
    }, 5_000)
    for (let i = 0; i < 3; i++) await other.getOrLoad(1, () => 1)
    expect(near.near.stats().entries).toBe(1)
  })

  it('after lost connections, no value that changed meanwhile is answered', async () => {
    const nodes = await threeNodes()
    for (let round = 1; round <= 3; round++) {
      await warm(nodes, 1, round - 1)
      const gaps = nodes.map(({ bus }) => bus.stats().gaps)
      await withClient(killSubscriptions)
      await cli('SET', 'shop:row:1', payload('shop:row:1', round))
      await vi.waitFor(() => {
        for (const [i, { bus }] of nodes.entries())
          expect(bus.stats().gaps).toBeGreaterThan(gaps[i]!)
      }, 10_000)
      await vi.waitFor(() => {
        for (const { near } of nodes) expect(near.near.stats().answering).toBe(true)
      }, 10_000)
      for (const { rows } of nodes) expect(await rows.getOrLoad(1, () => round)).toBe(round)
    }
  })
})

describe('a user that may not track keys', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
    await server.cli(
      'ACL',
      'SETUSER',
      'app',
      'on',
      '>secret',
      '~*',
      '&*',
      '+@all',
      '-client|tracking',
    )
  })
  afterAll(() => server.stop())

  it.each(['ioredis', 'node-redis'])(
    '%s: the bus reports the missing right, and listens when the user has it',
    async (kind) => {
      await server.cli('ACL', 'SETUSER', 'app', '-client|tracking')
      const { host, port } = server
      const redis = new Redis({ host, port, username: 'app', password: 'secret' })
      const nodeRedis = createClient({
        socket: { host, port },
        username: 'app',
        password: 'secret',
      })
      nodeRedis.on('error', () => undefined)
      const client = createCacheClient(
        kind === 'ioredis' ? ioredisDriver(redis) : nodeRedisDriver(nodeRedis),
      )
      const errors: unknown[] = []
      const onError = ({ error }: { error?: unknown }) => errors.push(error)
      channels.error.subscribe(onError as never)
      const bus = createTrackingBus({ client })
      const refused: unknown = await bus.ready().catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(TrackingRefusedError)
      expect(refused).toMatchObject({
        code: 'NOPERM',
        message: expect.stringContaining('+client|tracking') as unknown,
      })
      expect(errors).toContain(refused)
      channels.error.unsubscribe(onError as never)
      const near = withNearCache(client, { bus })
      const rows = createAside<number>({ client: near, prefix: 'row', ttl: '1h' })
      await rows.getOrLoad(1, () => 1)
      await server.cli('DEL', 'row:1')
      expect(await rows.getOrLoad(1, () => 2)).toBe(2)
      expect(near.near.stats()).toMatchObject({ entries: 0, answering: false })
      await server.cli('ACL', 'SETUSER', 'app', '+client|tracking')
      await vi.waitFor(() => expect(near.near.stats().answering).toBe(true), 10_000)
      await bus.close()
      await client.close()
      redis.disconnect()
      nodeRedis.destroy()
    },
  )

  it('needs only the rights that the error message names', async () => {
    await server.cli(
      'ACL',
      'SETUSER',
      'least',
      'on',
      '>secret',
      'resetchannels',
      '&__redis__:invalidate',
      '&invalidations*',
      '-@all',
      '+hello',
      '+client|id',
      '+client|tracking',
      '+subscribe',
      '+publish',
      '+info',
    )
    const { host, port } = server
    const redis = new Redis({ host, port, username: 'least', password: 'secret' })
    const client = createCacheClient(ioredisDriver(redis))
    await using bus = createTrackingBus({ client })
    await vi.waitFor(() => bus.ready(), { timeout: 10_000 })
    const received: string[] = []
    bus.on('invalidate', ({ keys }) => received.push(...keys))
    await server.cli('SET', 'k', 'v')
    await vi.waitFor(() => expect(received).toEqual(['k']), 5_000)
    await client.close()
    redis.disconnect()
  })
})
