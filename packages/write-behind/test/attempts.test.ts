import { setTimeout as sleep } from 'node:timers/promises'
import {
  startRedisCluster,
  startProxy,
  startRedis,
  type RedisCluster,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Setup, connect, connectCluster, findKey, clientKinds } from './setup.js'

const SHORT_TIMEOUTS = {
  readTimeout: 300,
  writeTimeout: 300,
  breaker: { failures: 1_000, cooldown: 50 },
} as const

describe.each(clientKinds)('a write that is sent twice or arrives late, on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())
  beforeEach(() => redis.flush())

  it('does not undo a later write if its own call has rejected', async () => {
    await using proxy = await startProxy(redis)
    await using client = connect(kind, proxy.url, SHORT_TIMEOUTS)
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.put('1', { name: 'first' })
    const held = proxy.hold()
    await expect(rows.put('1', { name: 'late' })).rejects.toThrow()
    expect(held.bytes).toBeGreaterThan(0)
    proxy.drop()
    await vi.waitFor(() => rows.put('1', { name: 'later' }), { timeout: 10_000 })
    await held.deliver()
    expect(await rows.get('1')).toEqual({ name: 'later' })
    setup.startWorker()
    await rows.flushed('1')
    expect(setup.table.rows.get('1')?.value).toEqual({ name: 'later' })
    await rows.close()
  })

  it('does not undo a write of another process once its own has reached Redis again', async () => {
    await using proxy = await startProxy(redis)
    await using client = connect(kind, proxy.url, SHORT_TIMEOUTS)
    await using other = connect(kind, redis.url)
    await using setup = new Setup(client)
    await using otherSetup = new Setup(other)
    const rows = setup.rows()
    await rows.put('1', { name: 'first' })
    const held = proxy.hold()
    await expect(rows.put('1', { name: 'late' })).rejects.toThrow()
    proxy.drop()
    await vi.waitFor(
      async () => {
        const [session] = (await findKey(redis, 'session:*')).split('\n')
        expect(await redis.cli('HGET', session!, 'floor')).toBe('3')
      },
      { timeout: 10_000, interval: 20 },
    )
    await otherSetup.rows().put('1', { name: 'later' })
    await held.deliver()
    expect(await rows.get('1')).toEqual({ name: 'later' })
    expect(
      await redis.cli('XREVRANGE', await findKey(redis, 'stream'), '+', '-', 'COUNT', '1'),
    ).toContain('later')
    await rows.close()
  })

  it('does not undo a later write, whatever waited behind it in its partition', async () => {
    await using proxy = await startProxy(redis)
    await using client = connect(kind, proxy.url, SHORT_TIMEOUTS)
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.put('a', { name: 'first' })
    const held = proxy.hold()
    const lost = rows.put('a', { name: 'lost' }).catch(() => undefined)
    await sleep(5)
    // These writes wait for the first one, and are sent when the first one is known to be lost.
    const open = rows.put('a', { name: 'open' })
    const later = rows.put('b', { name: 'late' }).then(() => rows.put('b', { name: 'later' }))
    await vi.waitFor(() => expect(held.bytes).toBeGreaterThan(0), { interval: 5 })
    await sleep(20)
    proxy.drop()
    await Promise.all([lost, open, later])
    await held.deliver()
    expect(await rows.getMany(['a', 'b'])).toEqual([{ name: 'open' }, { name: 'later' }])
    setup.startWorker()
    await Promise.all([rows.flushed('a'), rows.flushed('b')])
    expect(setup.table.rows.get('b')?.value).toEqual({ name: 'later' })
    await rows.close()
  })

  it('does not undo a later write while an earlier attempt at a dead letter is open', async () => {
    await using proxy = await startProxy(redis)
    await using client = connect(kind, proxy.url, SHORT_TIMEOUTS)
    await using setup = new Setup(client)
    const rows = setup.rows()
    const refuseAll = setup.startWorker({
      retry: { attempts: 1, backoff: 1 },
      flush: async (writes) => writes.map(({ sequence }) => ({ sequence, error: new Error('no') })),
    })
    await rows.put('a', { name: 'dead' })
    await expect(rows.flushed('a')).rejects.toThrow()
    await refuseAll.end()
    const [letter] = await rows.deadLetters.list()
    const held = proxy.hold()
    const lost = rows.deadLetters.discard(letter!.letter).catch(() => undefined)
    await sleep(5)
    // This attempt waits for the first one, and is sent when the first one is known to be lost.
    const open = rows.deadLetters.discard(letter!.letter).catch(() => undefined)
    await sleep(5)
    const later = rows.put('b', { name: 'late' }).catch(() => rows.put('b', { name: 'later' }))
    await vi.waitFor(() => expect(held.bytes).toBeGreaterThan(0), { interval: 5 })
    await sleep(20)
    proxy.drop()
    await Promise.all([lost, open, later])
    await held.deliver()
    expect(await rows.get('b')).toEqual({ name: 'later' })
    setup.startWorker()
    await rows.flushed('b')
    expect(setup.table.rows.get('b')?.value).toEqual({ name: 'later' })
    await rows.close()
  })

  it('is refused if its session has expired', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.put('1', { name: 'first' })
    const session = await findKey(redis, 'session:*')
    await redis.cli('DEL', session) // as if its ttl had passed
    await rows.put('1', { name: 'second' })
    expect(await rows.get('1')).toEqual({ name: 'second' })
    expect(await findKey(redis, 'session:*')).not.toBe(session)
    await rows.close()
  })

  it('releases its lease if merge or load throws', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.counters({
      merge: () => {
        throw new Error('no')
      },
    })
    await expect(rows.update('1', 1)).rejects.toThrow('no')
    await vi.waitFor(async () => expect(await redis.cli('KEYS', '*lease*')).toBe(''), 5_000)
    await rows.close()
  })
})

describe.each(clientKinds)('a Cluster that loses replies, on %s', (kind) => {
  let cluster: RedisCluster
  const proxies = new Map<string, TcpProxy>()
  beforeAll(async () => {
    cluster = await startRedisCluster({ primaries: 3 })
    for (const node of cluster.nodes)
      proxies.set(`${node.host}:${node.port}`, await startProxy(node))
  })
  afterAll(async () => {
    for (const proxy of proxies.values()) await proxy.close()
    await cluster.stop()
  })

  it('counts an acknowledged increment once, and a rejected one at most once', async () => {
    await using client = connectCluster(kind, proxies, {
      readTimeout: '3s',
      writeTimeout: '3s',
      breaker: { failures: 1_000, cooldown: 50 },
    })
    await using setup = new Setup(client)
    const rows = setup.counters()
    await vi.waitFor(() => rows.update('warm', 1), { timeout: 10_000 })
    const counts: Record<string, number> = {}
    for (let i = 0; i < 6; i++) {
      const id = `u${i}`
      await vi.waitFor(() => rows.update(id, 0), { timeout: 10_000 })
      const writing = rows.update(id, 1).then(
        () => 'acknowledged',
        () => 'rejected',
      )
      for (let turn = 0; turn < 1 + (i % 3); turn++)
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
      for (const proxy of proxies.values()) proxy.swallow('replies')
      await sleep(50)
      for (const proxy of proxies.values()) await proxy.pass()
      const outcome = await writing
      const value = await vi.waitFor(() => rows.get(id), { timeout: 10_000 })
      counts[outcome] = (counts[outcome] ?? 0) + 1
      if (outcome === 'acknowledged') expect(value?.age).toBe(1)
      else expect([0, 1]).toContain(value?.age)
    }
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(6)
    await rows.close()
  })
})
