import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy, startRedis } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import {
  createCacheClient,
  defineScript,
  type CacheClient,
  type ClientOptions,
  type Driver,
} from '../src/index.js'
import { onEach } from './cases.js'
import { flavours, recovered } from './drivers/clients.js'

const push = defineScript({
  name: 'push',
  lua: "return redis.call('RPUSH', KEYS[1], ARGV[1])",
  parse: Number,
})
const add = defineScript({
  name: 'add',
  lua: "redis.call('RPUSH', KEYS[1], ARGV[1]) return 1",
  parse: Number,
})
const pushAlone = defineScript({
  name: 'push alone',
  separate: true,
  lua: "return redis.call('RPUSH', KEYS[1], ARGV[1])",
  parse: Number,
})
const settings: ClientOptions = { resilience: { readTimeout: '5s', writeTimeout: '5s' } }

describe.each(flavours)('over $name, the calls of one key', ({ standalone }) => {
  async function withProxy(
    test: (
      client: CacheClient,
      other: CacheClient,
      far: {
        delay(ms: number): void
        forget(): Promise<unknown>
        list(): Promise<string>
        pause(): Promise<void>
        resume(): Promise<void>
      },
    ) => Promise<void>,
  ): Promise<void> {
    await using server = await startRedis()
    await using proxy = await startProxy(server)
    await using made = standalone(proxy.url)
    await using near = standalone(server.url)
    await recovered(made.driver)
    const client = createCacheClient(made.driver, settings)
    const other = createCacheClient(near.driver, settings)
    await test(client, other, {
      delay: (ms) => proxy.delay(ms),
      forget: () => server.cli('SCRIPT', 'FLUSH'),
      list: async () => (await server.cli('LRANGE', 'k', 0, -1)).split('\n').join(''),
      pause: () => server.pause(),
      resume: () => server.resume(),
    })
    await Promise.all([client.close(), other.close()])
  }

  it('run in order, even if another process loads an unknown script in between', () =>
    withProxy(async (client, other, server) => {
      for (let i = 0; i < 5; i++) {
        await server.forget()
        server.delay(30)
        const first = client.run(push, ['k'], ['A'])
        await sleep(10)
        await other.run(push, ['other'], ['x'])
        const second = client.run(push, ['k'], ['B'])
        await Promise.all([first, second])
        server.delay(0)
      }
      expect(await server.list()).toBe('ABABABABAB')
    }))

  it('run in order, even if one script is known and another is not', () =>
    withProxy(async (client, other, server) => {
      await other.run(push, ['other'], ['x'])
      await Promise.all(
        ['a', 'B', 'c', 'D', 'E', 'f'].map((letter) =>
          client.run(letter < 'a' ? push : add, ['k'], [letter]),
        ),
      )
      expect(await server.list()).toBe('aBcDEf')
    }))

  it('fail at their own deadline while an earlier one is unanswered, and never run', () =>
    withProxy(async (client, _, server) => {
      await client.run(push, ['k'], ['a'])
      await server.pause()
      const first = client.run(push, ['k'], ['b'], { timeout: 2_000 })
      await sleep(20)
      await expect(client.run(push, ['k'], ['c'], { timeout: 100 })).rejects.toMatchObject({
        code: 'NOT_SENT',
      })
      await server.resume()
      await first
      await client.run(push, ['k'], ['d'])
      expect(await server.list()).toBe('abd')
    }))
})

/**
 * A driver that waits for the reply to the first command of a send before it sends the others, and
 * calls back in between. This simulates another process whose command arrives in between.
 */
function firstAlone(driver: Driver, between: () => Promise<unknown>): Driver {
  return {
    ...driver,
    send(commands, options) {
      const [first] = driver.send(commands.slice(0, 1), options)
      const others = first!
        .then(between)
        .then(() => Promise.all(driver.send(commands.slice(1), options)))
      return commands.map(async (_, i) => (i === 0 ? first! : (await others)[i - 1]!))
    },
  }
}

describe.each(
  flavours.flatMap(({ name, standalone }) =>
    (['standalone', 'cluster'] as const).map((topology) => ({ name, standalone, topology })),
  ),
)('over $name, grouped as for a $topology, the calls of a tick', ({ standalone, topology }) => {
  it.each([
    [30, 30, 30],
    [49, 2, 49],
    [1, 49, 1, 50],
    [20, 45, 20],
  ])(
    'run in order across commands while another process loads the script (%i, …)',
    async (...counts) => {
      await using server = await startRedis()
      await using made = standalone(server.url)
      await using near = standalone(server.url)
      await recovered(made.driver)
      const other = createCacheClient(near.driver, settings)
      const client = createCacheClient(
        { ...firstAlone(made.driver, () => other.run(push, ['other'], ['x'])), topology },
        settings,
      )
      const calls = counts.flatMap((count, key) =>
        Array.from({ length: count }, (_, i) => [`k${key}`, String(i)] as const),
      )
      await server.cli('SCRIPT', 'FLUSH')
      await Promise.all(calls.map(([key, value]) => client.run(push, [key], [value])))
      for (const [key, count] of counts.entries())
        expect(await server.cli('LRANGE', `k${key}`, 0, -1)).toBe(
          Array.from({ length: count }, (_, i) => i).join('\n'),
        )
    },
  )
})

onEach((bench) => {
  it('a busy key costs one more round trip, not one for each call', async () => {
    const client = bench().newClient()
    await Promise.all(bench().servers.map((server) => server.cli('SCRIPT', 'FLUSH')))
    const watched = await bench().watch()
    const calls: Promise<number>[] = []
    for (const server of bench().servers) await server.pause()
    for (let i = 0; i < 20; i++) {
      calls.push(client.run(push, ['k'], [String(i)]))
      await sleep(1)
    }
    for (const server of bench().servers) await server.resume()
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect((await watched.commands('EVALSHA', 'EVAL')).length).toBeLessThanOrEqual(4)
  })

  it('the calls of a separate script are commands of their own, in order', async () => {
    const client = bench().newClient()
    await Promise.all(['{k}1', '{k}2'].map((key) => client.run(pushAlone, [key], ['warm'])))
    const watched = await bench().watch()
    const calls = ['{k}1', '{k}2', '{k}1', '{k}1'].map((key) => client.run(pushAlone, [key], ['x']))
    expect(await Promise.all(calls)).toEqual([2, 2, 3, 4])
    expect(await watched.commands('EVALSHA', 'EVAL')).toHaveLength(4)
  })
})
