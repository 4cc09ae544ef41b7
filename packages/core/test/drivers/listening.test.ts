import { setTimeout as sleep } from 'node:timers/promises'
import {
  startRedisCluster,
  startProxy,
  startRedis,
  type RedisCluster,
  type RedisServer,
} from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ServerError, type Driver, type SubscribeOptions } from '../../src/index.js'
import { answer, flavours, on } from './clients.js'

let server: RedisServer
let redis: RedisCluster
beforeAll(
  async () =>
    void ([server, redis] = await Promise.all([
      startRedis(),
      startRedisCluster({ config: { 'cluster-node-timeout': '15000' } }),
    ])),
)
afterAll(() => Promise.all([server.stop(), redis.stop()]))

const HEARTBEAT = 1_000
/** A tolerance in ms for a busy machine. It is shorter than a heartbeat. */
const SLACK = 900

async function listen(driver: Driver, options: SubscribeOptions, channel = 'c') {
  const events: string[] = []
  const at: number[] = []
  const note = (event: string): void => {
    events.push(event)
    at.push(performance.now())
  }
  const subscription = await driver.subscribe(
    [channel],
    {
      message: (_, payload) => note(payload),
      gap: () => note('gap'),
      live: () => note('live'),
      invalidated: (keys) => note(`changed ${keys ? [...keys].sort().join(' and ') : 'all'}`),
    },
    options,
  )
  return { events, at, close: () => subscription.close() }
}

describe.each(flavours)('over $name', ({ standalone, cluster }) => {
  // These run concurrently, since they mostly wait.
  it.concurrent.each([
    ['packets', 'both'],
    ['replies', 'replies'],
  ] as const)(
    'a half-open connection, whose %s vanish, is replaced within two heartbeats',
    async (_, direction) => {
      await using proxy = await startProxy(server)
      await using made = standalone(proxy.url)
      const channel = `half-open ${direction}`
      const heard = await listen(made.driver, { heartbeat: HEARTBEAT }, channel)
      // Right after a sign of life, the time to the next one is the longest.
      await sleep(2.1 * HEARTBEAT)
      expect(heard.events).toEqual([])
      const since = performance.now()
      proxy.swallow(direction)
      await vi.waitFor(() => expect(heard.events).toEqual(['gap']), 10 * HEARTBEAT)
      expect(heard.at[0]! - since).toBeLessThanOrEqual(2 * HEARTBEAT + SLACK)
      await proxy.pass()
      await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live']), 5_000)
      await server.cli('PUBLISH', channel, 'again')
      await vi.waitFor(() => expect(heard.events).toContain('again'), 5_000)
      await heard.close()
    },
  )

  it.concurrent('everywhere: any silent primary is noticed within two heartbeats', async () => {
    await using made = cluster(redis.addresses)
    const heard = await listen(made.driver, { everyPrimary: true, heartbeat: HEARTBEAT })
    for (const node of redis.primaries) {
      const since = performance.now()
      await node.pause()
      try {
        await vi.waitFor(() => expect(heard.events).toEqual(['gap']), 10 * HEARTBEAT)
      } finally {
        await node.resume()
      }
      expect(heard.at[0]! - since).toBeLessThanOrEqual(2 * HEARTBEAT + SLACK)
      await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live']), 10_000)
      heard.events.length = heard.at.length = 0
    }
    await heard.close()
    await redis.ready()
  })

  it('everywhere: a lost connection to one primary is a gap until it is back', async () => {
    await using made = cluster(redis.addresses)
    const heard = await listen(made.driver, { everyPrimary: true, heartbeat: 5_000 })
    const { primaries } = redis
    for (const [i, node] of primaries.entries()) await node.cli('PUBLISH', 'c', `from ${i}`)
    await vi.waitFor(
      () =>
        expect(
          primaries.map((_, i) => heard.events.filter((event) => event === `from ${i}`).length),
        ).toEqual(primaries.map(() => primaries.length)),
      5_000,
    )
    for (const node of primaries) {
      heard.events.length = 0
      expect(Number(await node.cli('CLIENT', 'KILL', 'TYPE', 'pubsub'))).toBe(1)
      await vi.waitFor(() => expect(heard.events).toEqual(['gap', 'live']), 5_000)
    }
    await heard.close()
    for (const node of primaries)
      await vi.waitFor(
        async () => expect(await node.cli('PUBSUB', 'NUMSUB', 'c')).toMatch(/c\s+0/),
        5_000,
      )
  })

  it.each(['standalone', 'cluster'])(
    'sharded pub/sub on %s: messages to the shard of the channel are received',
    async (topology) => {
      await using made = topology === 'cluster' ? cluster(redis.addresses) : standalone(server.url)
      const heard = await listen(made.driver, { sharded: true })
      expect(await answer(made.driver, on('c', 'SPUBLISH', 'c', 'one'))).toBe(1)
      await vi.waitFor(() => expect(heard.events).toEqual(['one']), 5_000)
      await heard.close()
    },
  )

  it.each(['standalone', 'cluster'])(
    'tracking on %s: any change is reported; only of the given prefixes',
    async (topology) => {
      await using made = topology === 'cluster' ? cluster(redis.addresses) : standalone(server.url)
      await using writer =
        topology === 'cluster' ? cluster(redis.addresses) : standalone(server.url)
      const heard = await listen(made.driver, {
        everyPrimary: true,
        heartbeat: 10_000,
        tracking: { prefixes: ['shop:', 'other,'] },
      })
      await answer(writer.driver, on('{t}:x', 'SET', '{t}:x', '1'))
      const keys = ['shop:a', 'shop:b', 'other,c']
      const changed = () =>
        heard.events.flatMap((event) => event.replace('changed ', '').split(' and '))
      for (const key of keys) await answer(writer.driver, on(key, 'SET', key, '1', 'PX', '50'))
      await vi.waitFor(async () => {
        // once when it is set, and once when it expires
        for (const key of keys) await answer(writer.driver, on(key, 'GET', key))
        expect(changed().sort()).toEqual(keys.flatMap((key) => [key, key]).sort())
      }, 10_000)
      heard.events.length = 0
      await answer(writer.driver, on('shop:a,"1"', 'SET', 'shop:a,"1"', '1'))
      await vi.waitFor(() => expect(heard.events).toEqual(['changed shop:a,"1"']), 5_000)
      await (topology === 'cluster' ? redis.flush() : server.flush())
      await vi.waitFor(() => expect(heard.events).toContain('changed all'), 5_000)
      await answer(writer.driver, on('k', 'PUBLISH', 'c', 'hello'))
      await vi.waitFor(() => expect(heard.events).toContain('hello'), 5_000)
      expect(heard.events).not.toContain('gap')
      await heard.close()
    },
  )

  it('a connection that is lost repeatedly leaves nothing behind', async () => {
    await using made = standalone(server.url)
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const heard = await listen(made.driver, { heartbeat: 60_000 })
    for (let i = 1; i <= 15; i++) {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await vi.waitFor(
        () => expect(heard.events.filter((event) => event === 'live')).toHaveLength(i),
        5_000,
      )
    }
    await heard.close()
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })

  it('a server that refuses is quoted in the error', async () => {
    await using own = await startRedis({
      config: { user: 'default on nopass ~* &* +@all -client|tracking' },
    })
    await using made = standalone(own.url)
    const refused: unknown = await listen(made.driver, { tracking: { prefixes: [] } }).catch(
      (error: unknown) => error,
    )
    expect(refused).toBeInstanceOf(ServerError)
    expect(refused).toMatchObject({ code: 'NOPERM' })
  })
})
