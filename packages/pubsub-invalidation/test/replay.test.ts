import { createAside, type Aside } from '@cache/aside'
import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startProxy, startRedis, type RedisServer, type TcpProxy } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createInvalidationBus,
  withNearCache,
  type InvalidationBus,
  type NearCacheClient,
} from '../src/index.js'

const resilience = { readTimeout: '5s', writeTimeout: '5s' } as const
const LOG = 'shop:{shop:invalidations}:log'

const drivers: Readonly<Record<string, (url: string, cleanup: (() => unknown)[]) => Driver>> = {
  ioredis: (url, cleanup) => {
    const redis = new Redis(url, { retryStrategy: () => 20 })
    redis.on('error', () => undefined)
    cleanup.push(() => redis.disconnect())
    return ioredisDriver(redis)
  },
  'node-redis': (url, cleanup) => {
    const redis = createClient({ url, socket: { reconnectStrategy: 20 } })
    redis.on('error', () => undefined)
    cleanup.push(() => redis.destroy())
    return nodeRedisDriver(redis)
  },
}

describe.each(Object.entries(drivers))('onGap: "replay", %s', (_, connect) => {
  let server: RedisServer
  let proxy: TcpProxy
  let here: { bus: InvalidationBus; near: NearCacheClient; rows: Aside<number>; resumed: boolean[] }
  let elsewhere: Aside<number>
  let otherBus: InvalidationBus
  const cleanup: (() => unknown)[] = []
  const source = new Map<number, number>()
  const load = (id: number): number => source.get(id) ?? 0

  beforeAll(async () => void (server = await startRedis()))
  afterAll(() => server.stop())
  beforeEach(async () => {
    source.clear()
    await server.flush()
    proxy = await startProxy(server)
    here = { ...(await process(proxy.url, 'replay')), resumed: [] }
    here.bus.on('live', (missedNothing) => here.resumed.push(missedNothing))
    const other = await process(server.url, 'empty')
    elsewhere = other.rows
    otherBus = other.bus
    for (let id = 0; id < 10; id++) await here.rows.getOrLoad(id, () => load(id))
    expect(here.near.near.stats()).toMatchObject({ entries: 10, answering: true })
  })
  afterEach(async () => {
    for (const close of cleanup.splice(0).reverse()) await close()
    await proxy.close()
  })

  /** Commands go directly to the server. Messages come from `url`. */
  async function process(url: string, onGap: 'replay' | 'empty') {
    const [direct, listening] = [connect(server.url, cleanup), connect(url, cleanup)]
    const client = createCacheClient(
      { ...direct, subscribe: listening.subscribe },
      { namespace: 'shop', resilience },
    )
    const bus = createInvalidationBus({ client, onGap, heartbeat: 5_000 })
    await vi.waitFor(() => bus.ready(), { timeout: 10_000 })
    const near = withNearCache(client, { bus })
    cleanup.push(
      () => client.close(),
      () => listening.close(),
      () => bus.close(),
    )
    return { bus, near, rows: createAside<number>({ client: near, prefix: 'row', ttl: '1h' }) }
  }

  const change = async (id: number, value: number): Promise<void> => {
    source.set(id, value)
    await elsewhere.invalidate(id)
  }

  /** Runs `meanwhile` while the first process can't receive messages. */
  async function duringGap(meanwhile: () => Promise<unknown>): Promise<void> {
    await proxy.cut()
    await vi.waitFor(() => expect(here.bus.live).toBe(false), 5_000)
    await meanwhile()
    await proxy.pass()
    await vi.waitFor(() => expect(here.bus.live).toBe(true), 10_000)
  }

  const readAll = async (): Promise<number[]> =>
    Promise.all(Array.from({ length: 10 }, (_, id) => here.rows.getOrLoad(id, () => load(id))))

  it('missed messages are read from the log; other entries stay cached', async () => {
    await change(9, 90)
    await duringGap(async () => {
      await change(1, 10)
      await change(2, 20)
      await otherBus.publish({ keys: [['row', 3]], prefix: 'row:4' })
      for (const id of [3, 4]) source.set(id, id * 10)
    })
    expect(here.resumed).toEqual([true])
    expect(here.near.near.stats()).toMatchObject({ entries: 5, answering: true })
    expect((await readAll()).slice(0, 3)).toEqual([0, 10, 20])
  })

  it('works repeatedly, and drops nothing if nothing was missed', async () => {
    for (let round = 1; round <= 3; round++) {
      await duringGap(async () => undefined)
      expect(here.near.near.stats().entries).toBe(10)
      await duringGap(() => change(round, round))
      expect(here.near.near.stats().entries).toBe(9)
      expect((await readAll())[round]).toBe(round)
    }
    expect(here.resumed).toEqual([true, true, true, true, true, true])
  })

  it('reads thousands of messages', async () => {
    await duringGap(async () => {
      for (let i = 0; i < 30; i++)
        await Promise.all(
          Array.from({ length: 100 }, async (_, j) =>
            otherBus.publish({ keys: [['row', 1_000 + i * 100 + j]] }),
          ),
        )
      await change(5, 50)
    })
    expect(here.resumed).toEqual([true])
    expect(here.near.near.stats().entries).toBe(9)
    expect((await readAll())[5]).toBe(50)
  })

  it.each([
    ['was trimmed', () => server.cli('XTRIM', LOG, 'MAXLEN', '1')],
    ['was emptied', () => server.cli('XTRIM', LOG, 'MAXLEN', '0')],
    ['was deleted', () => server.cli('DEL', LOG)],
    [
      'has another type',
      async () => {
        await server.cli('DEL', LOG)
        await server.cli('SET', LOG, 'something')
      },
    ],
  ])('everything is dropped if the log %s', async (_, damage) => {
    await change(9, 90)
    await duringGap(async () => {
      await change(1, 10)
      await damage()
      await change(2, 20)
    })
    expect(here.resumed).toEqual([false])
    expect(here.near.near.stats()).toMatchObject({ entries: 0, answering: true })
    expect((await readAll()).slice(0, 3)).toEqual([0, 10, 20])
    await server.cli('DEL', LOG)
  })

  it('without memory for the log, messages are published, and a gap drops everything', async () => {
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    try {
      await otherBus.publish({ keys: [['row', 3]] })
      await vi.waitFor(() => expect(here.near.near.stats().entries).toBe(9), 5_000)
      await duringGap(() => otherBus.publish({ keys: [['row', 4]] }))
    } finally {
      await server.cli('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect(here.resumed).toEqual([false])
    expect(here.near.near.stats().entries).toBe(0)
    await vi.waitFor(() => duringGap(() => change(2, 20)), 10_000)
    expect((await readAll())[2]).toBe(20)
  })

  it('if the server comes back empty, everything is dropped, and a new log begins', async () => {
    await change(9, 90)
    await proxy.cut()
    await vi.waitFor(() => expect(here.bus.live).toBe(false), 5_000)
    await server.restart()
    await vi.waitFor(() => change(1, 10), 10_000)
    await proxy.pass()
    await vi.waitFor(() => expect(here.bus.live).toBe(true), 10_000)
    expect(here.resumed).toEqual([false])
    expect(here.near.near.stats().entries).toBe(0)
    expect((await readAll())[1]).toBe(10)
    await vi.waitFor(() => expect(otherBus.live).toBe(true), 10_000)
    await duringGap(() => change(2, 20))
    expect(here.resumed).toEqual([false, true])
    expect((await readAll())[2]).toBe(20)
  })

  it('only a bus with replay creates a log, of about the last 10 000 messages', async () => {
    await server.flush()
    await change(1, 10)
    expect(await server.cli('EXISTS', LOG)).toBe('0')
    const filler = "for i = 1, 12000 do redis.call('XADD', KEYS[1], '*', 'm', i) end"
    await server.cli('EVAL', filler, 1, LOG)
    await change(1, 20)
    expect(Number(await server.cli('XLEN', LOG))).toBeLessThan(10_200)
  })
})
