import { setTimeout as sleep } from 'node:timers/promises'
import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import {
  burnCpu,
  eventually,
  spawnProcesses,
  startProxy,
  startRedis,
  type RedisServer,
} from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createInvalidationBus, createTrackingBus, withNearCache } from '../src/index.js'
import type { Start } from './processes/reads.js'

const HEARTBEAT = 300
const resilience = { readTimeout: '5s', writeTimeout: '5s' } as const

let server: RedisServer
let promoted: RedisServer
beforeAll(async () => void ([server, promoted] = await Promise.all([startRedis(), startRedis()])))
afterAll(() => Promise.all([server.stop(), promoted.stop()]))

describe.each(['ioredis', 'node-redis'] as const)('over %s', (kind) => {
  const cleanup: (() => unknown)[] = []
  beforeEach(() => Promise.all([server.flush(), promoted.flush()]))
  afterEach(async () => {
    for (const close of cleanup.splice(0).reverse()) await close()
  })

  function connect(url: string) {
    if (kind === 'ioredis') {
      const redis = new Redis(url, { retryStrategy: () => 50 })
      redis.on('error', () => undefined)
      cleanup.push(() => redis.disconnect())
      return createCacheClient(ioredisDriver(redis), { resilience })
    }
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    redis.on('error', () => undefined)
    cleanup.push(() => redis.destroy())
    return createCacheClient(nodeRedisDriver(redis), { resilience })
  }

  async function process(
    url: string,
    create: typeof createInvalidationBus | typeof createTrackingBus = createInvalidationBus,
    options = {},
  ) {
    const client = connect(url)
    const bus = create({ client, heartbeat: HEARTBEAT })
    const near = withNearCache(client, { bus, ...options })
    cleanup.push(
      () => client.close(),
      () => bus.close(),
    )
    await eventually(() => bus.live, { within: 20_000 })
    return {
      client,
      bus,
      near,
      rows: createAside<number, number>({ client: near, prefix: 'row', ttl: '1h' }),
    }
  }

  async function reading(url: string) {
    await server.cli('SET', 'row', 1)
    const group = spawnProcesses(new URL('processes/reads.ts', import.meta.url), {
      data: { kind, url, source: server.url, heartbeat: HEARTBEAT } satisfies Start,
    })
    cleanup.push(() => group.stop())
    const [child] = group.processes
    await child!.next('warm', { timeout: 120_000 })
    return child!
  }

  it('a process that was busy answers nothing old right afterwards', async () => {
    const child = await reading(server.url)
    const writer = await process(server.url)
    child.send({ type: 'burn', ms: 10 * HEARTBEAT })
    await sleep(2 * HEARTBEAT)
    await server.cli('SET', 'row', 2)
    await writer.rows.invalidate(1)
    expect(await child.next('read', { timeout: 60_000 })).toMatchObject({ values: [2, 2] })
  }, 180_000)

  it('a stopped process with cut connections answers nothing old when it resumes', async () => {
    await using proxy = await startProxy(server)
    const child = await reading(proxy.url)
    const writer = await process(server.url)
    child.freeze()
    await sleep(3 * HEARTBEAT)
    proxy.drop()
    await server.cli('SET', 'row', 2)
    await writer.rows.invalidate(1)
    child.send({ type: 'burn', ms: 0 })
    child.thaw()
    expect(await child.next('read', { timeout: 60_000 })).toMatchObject({ values: [2, 2] })
  }, 180_000)

  it('a process that has closed its bus and client exits by itself, even in a gap', async () => {
    await using proxy = await startProxy(server)
    const child = await reading(proxy.url)
    proxy.delay(450)
    proxy.drop()
    await sleep(HEARTBEAT)
    child.send({ type: 'close' })
    await child.next('closed', { timeout: 60_000 })
    expect(
      await Promise.race([child.exited, sleep(30_000, 'still running', { ref: false })]),
    ).toMatchObject({ code: 0 })
  }, 180_000)

  it.each([
    ['published', createInvalidationBus],
    ['tracked', createTrackingBus],
  ] as const)(
    'nothing is answered while commands go to another server than messages (%s) come from',
    async (_, create) => {
      await using proxy = await startProxy(server)
      const reader = await process(proxy.url, create)
      const writer = await process(server.url, create)
      let value = 1
      const read = () => reader.rows.getOrLoad(1, () => value)
      await eventually(async () => (await read()) === 1 && reader.near.near.stats().entries === 1)
      // A failover behind one name: new connections lead to the promoted server, open ones to the
      // old one.
      proxy.retarget(promoted)
      const ids = (await server.cli('CLIENT', 'LIST', 'TYPE', 'pubsub'))
        .split('\n')
        .map((line) => /id=(\d+)/.exec(line)?.[1])
        .filter((id) => id !== undefined)
      for (const id of ids) await server.cli('CLIENT', 'KILL', 'ID', id)
      await eventually(() => !reader.near.near.stats().answering, { within: 2 * HEARTBEAT + 5_000 })
      for (let i = 0; i < 5; i++) {
        value++
        await eventually(() => writer.rows.invalidate(1).then(() => true))
        expect(await read()).toBe(value)
        await sleep(HEARTBEAT / 2)
      }
      expect(reader.near.near.stats().answering).toBe(false)
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal')
      await eventually(() => reader.near.near.stats().answering, { within: 20_000 })
    },
    60_000,
  )

  it('on a half-open connection, nothing is answered after two heartbeats', async () => {
    await using proxy = await startProxy(server)
    const reader = await process(proxy.url)
    const writer = await process(server.url)
    let value = 1
    const read = () => reader.rows.getOrLoad(1, () => value)
    await read()
    await eventually(() => reader.near.near.stats().entries === 1)
    proxy.halfOpen()
    value = 2
    await writer.rows.invalidate(1)
    const since = performance.now()
    await sleep(2 * HEARTBEAT)
    expect(reader.near.near.stats().answering, `${performance.now() - since} ms later`).toBe(false)
  })

  it('the lifetime of an entry is counted from when Redis was asked', async () => {
    await using proxy = await startProxy(server)
    const reader = await process(proxy.url)
    const writer = await process(server.url)
    const short = (client: typeof reader.near) =>
      createAside<number, number>({ client, prefix: 'short', ttl: '4s' })
    await short(writer.near).set(1, 7)
    const since = performance.now()
    await eventually(() => reader.bus.stats().received === 1)
    proxy.delay(200)
    expect(await short(reader.near).peek(1)).toBe(7)
    expect(reader.near.near.stats().entries).toBe(1)
    // If it were counted from the reply, the entry would be cached for 200 ms more.
    await sleep(since + 4_010 - performance.now())
    expect(await short(reader.near).peek(1)).toBeUndefined()
  })

  it('the ttl also ends within a turn of the event loop', async () => {
    const { rows, near } = await process(server.url, createInvalidationBus, { ttl: 2_000 })
    await rows.getOrLoad(1, () => 1)
    await rows.getOrLoad(1, () => 1)
    expect(near.near.stats().hits).toBe(1)
    burnCpu(2_010)
    void rows.peek(1)
    expect(near.near.stats().hits).toBe(1)
  })
})
