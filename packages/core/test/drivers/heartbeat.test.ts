import { setTimeout as sleep } from 'node:timers/promises'
import {
  burnCpu,
  startRedisCluster,
  startProxy,
  startRedis,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Driver } from '../../src/index.js'
import { answer, flavours, on, recovered } from './clients.js'

const HEARTBEAT = 300
/** The replica synchronises immediately. */
const FOLLOWED = { config: { 'repl-diskless-sync': 'no' } }

async function listen(driver: Driver, everyPrimary = false) {
  const events: string[] = []
  const alive: number[] = []
  const subscription = await driver.subscribe(
    ['c'],
    {
      message: (_, payload) => events.push(payload),
      gap: () => events.push('gap'),
      live: () => events.push('live'),
      alive: (since) => alive.push(since),
    },
    { heartbeat: HEARTBEAT, everyPrimary },
  )
  return { events, alive, close: () => subscription.close() }
}

describe.each(flavours)('over $name', ({ standalone, cluster }) => {
  let old: RedisServer
  let promoted: RedisServer
  let proxy: TcpProxy
  beforeAll(
    async () =>
      void ([old, promoted] = await Promise.all([startRedis(FOLLOWED), startRedis(FOLLOWED)])),
  )
  afterAll(() => Promise.all([old.stop(), promoted.stop()]))
  beforeEach(async () => {
    proxy = await startProxy(old)
    return () => proxy.close()
  })

  /** Returns the server that commands go to, by the value that is stored there. */
  const servedBy = (driver: Driver) => answer(driver, on('where', 'GET', 'where'))
  const markServers = () =>
    Promise.all([old.cli('SET', 'where', 'old'), promoted.cli('SET', 'where', 'promoted')])

  it('reports its beats, each sent before it returned', async () => {
    await using made = standalone(old.url)
    const before = performance.now()
    const heard = await listen(made.driver)
    expect(heard.alive).toHaveLength(1)
    await vi.waitFor(() => expect(heard.alive.length).toBeGreaterThan(2), 10_000)
    expect(heard.alive[0]).toBeGreaterThan(before)
    expect(heard.alive.at(-1)).toBeLessThan(performance.now())
    expect([...heard.alive].sort((a, b) => a - b)).toEqual(heard.alive)
    expect(heard.events).toEqual([])
    await heard.close()
    const beats = heard.alive.length
    await sleep(2 * HEARTBEAT)
    expect(heard.alive).toHaveLength(beats)
  })

  it('messages from another server than commands go to are a gap', async () => {
    await markServers()
    await using made = standalone(proxy.url)
    const heard = await listen(made.driver)
    proxy.retarget(promoted)
    await old.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await vi.waitFor(() => expect(heard.events).toEqual(['gap']), 10_000)
    await sleep(4 * HEARTBEAT)
    expect(await servedBy(made.driver)).toBe('old')
    expect(heard.events).toEqual(['gap'])
    await old.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    await recovered(made.driver)
    expect(await servedBy(made.driver)).toBe('promoted')
    await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live']), 10_000)
    await promoted.cli('PUBLISH', 'c', 'hello')
    await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live', 'hello']), 10_000)
    await heard.close()
  })

  it('commands to another server than messages come from are a gap', async () => {
    await markServers()
    await using made = standalone(proxy.url)
    const heard = await listen(made.driver)
    proxy.retarget(promoted)
    await old.cli('CLIENT', 'KILL', 'TYPE', 'normal')
    await recovered(made.driver)
    expect(await servedBy(made.driver)).toBe('promoted')
    await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live']), 10_000)
    await promoted.cli('PUBLISH', 'c', 'hello')
    await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live', 'hello']), 10_000)
    await heard.close()
  })

  it('a server that became a replica is a gap, although it receives messages', async () => {
    await using made = standalone(old.url)
    const heard = await listen(made.driver)
    await old.cli('REPLICAOF', promoted.host, promoted.port)
    try {
      await vi.waitFor(() => expect(heard.events.at(-1)).toBe('gap'), 10_000)
      await vi.waitFor(
        async () => expect(await old.cli('INFO', 'replication')).toContain('master_link_status:up'),
        10_000,
      )
      await promoted.cli('PUBLISH', 'c', 'hello')
      await sleep(3 * HEARTBEAT)
      expect(heard.events).toEqual(['gap'])
    } finally {
      await old.cli('REPLICAOF', 'NO', 'ONE')
    }
    await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live']), 10_000)
    await heard.close()
  })

  it('a process that was busy for several heartbeats has no gap: it reads first', async () => {
    await using made = standalone(old.url)
    const heard = await listen(made.driver)
    for (let i = 0; i < 2; i++) {
      await sleep(HEARTBEAT / 4)
      burnCpu(4 * HEARTBEAT)
      const since = performance.now()
      await vi.waitFor(() => expect(heard.alive.at(-1)).toBeGreaterThanOrEqual(since), 10_000)
    }
    expect(heard.events).toEqual([])
    await heard.close()
  })

  it('commands that hang for a short time are not a gap', async () => {
    await using direct = standalone(old.url)
    const heard = await listen(direct.driver)
    for (let i = 0; i < 3; i++) {
      await old.cli('CLIENT', 'KILL', 'TYPE', 'normal')
      const since = performance.now()
      await vi.waitFor(() => expect(heard.alive.at(-1)).toBeGreaterThanOrEqual(since), 10_000)
    }
    expect(heard.events).toEqual([])
    await heard.close()
  })

  it('on a Cluster: a change of primaries is a gap, and then all new ones beat', async () => {
    await using redis = await startRedisCluster({ primaries: 3, replicasPerPrimary: 1 })
    await using made = cluster(redis.addresses)
    const heard = await listen(made.driver, true)
    await redis.failover(redis.primaries[0]!)
    await vi.waitFor(() => expect(heard.events.slice(0, 2)).toEqual(['gap', 'live']), 20_000)
    const since = performance.now()
    await vi.waitFor(() => expect(heard.alive.at(-1)).toBeGreaterThanOrEqual(since), 20_000)
    const gaps = heard.events.length
    for (const node of redis.primaries) await node.cli('PUBLISH', 'c', String(node.port))
    await vi.waitFor(() => {
      for (const node of redis.primaries) expect(heard.events).toContain(String(node.port))
    }, 10_000)
    expect(heard.events.slice(gaps)).not.toContain('gap')
    await heard.close()
  }, 60_000)

  it('its channels and its key begin with the channel, and nothing is left behind', async () => {
    await old.cli(
      'ACL',
      'SETUSER',
      'shop',
      'on',
      '>secret',
      '-@all',
      '+hello',
      '+client',
      '+info',
      '+subscribe',
      '+publish',
      '+del',
      '+ping',
      'resetchannels',
      '&c*',
      'resetkeys',
      '~c*',
    )
    await old.cli('ACL', 'LOG', 'RESET')
    await using made = standalone(old.url.replace('redis://', 'redis://shop:secret@'))
    const heard = await listen(made.driver)
    await vi.waitFor(() => expect(heard.alive.length).toBeGreaterThan(2), 10_000)
    expect((await old.cli('ACL', 'LOG')).trim()).toBe('')
    expect((await old.cli('KEYS', 'c*')).trim()).toBe('')
    await heard.close()
  })
})
