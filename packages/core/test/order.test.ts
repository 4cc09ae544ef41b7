import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy, startRedis } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { createCacheClient, defineScript, type CacheClient, type ClientOptions } from '../src/index.js'
import { onEach } from './cases.js'
import { flavours, recovered } from './drivers/clients.js'

const push = defineScript({ name: 'push', lua: "return redis.call('RPUSH', KEYS[1], ARGV[1])", parse: Number })
const add = defineScript({ name: 'add', lua: "redis.call('RPUSH', KEYS[1], ARGV[1]) return 1", parse: Number })
const settings: ClientOptions = { resilience: { readTimeout: '5s', writeTimeout: '5s' } }

describe.each(flavours)('over $name, the calls of one key', ({ standalone }) => {
  async function withProxy(test: (client: CacheClient, other: CacheClient, far: { delay(ms: number): void; forget(): Promise<unknown>; list(): Promise<string>; pause(): Promise<void>; resume(): Promise<void> }) => Promise<void>): Promise<void> {
    await using server = await startRedis()
    await using proxy = await startProxy(server)
    await using made = standalone(proxy.url)
    await using near = standalone(server.url)
    await recovered(made.driver)
    const client = createCacheClient(made.driver, settings)
    const other = createCacheClient(near.driver, settings)
    await test(client, other, {
      delay: (ms) => proxy.delay(ms), forget: () => server.cli('SCRIPT', 'FLUSH'), list: async () => (await server.cli('LRANGE', 'k', 0, -1)).split('\n').join(''), pause: () => server.pause(), resume: () => server.resume(),
    })
    await Promise.all([client.close(), other.close()])
  }

  it('are executed in their order, also if another process makes known in between a script that the first of them found unknown', () => withProxy(async (client, other, server) => {
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

  it('are executed in their order, also if one script is known and another is not', () => withProxy(async (client, other, server) => {
    await other.run(push, ['other'], ['x'])
    await Promise.all(['a', 'B', 'c', 'D', 'E', 'f'].map((letter) => client.run(letter < 'a' ? push : add, ['k'], [letter])))
    expect(await server.list()).toBe('aBcDEf')
  }))

  it('fail at their own deadline while an earlier one has no answer, and are not executed then', () => withProxy(async (client, _, server) => {
    await client.run(push, ['k'], ['a'])
    await server.pause()
    const first = client.run(push, ['k'], ['b'], { timeout: 2_000 })
    await sleep(20)
    await expect(client.run(push, ['k'], ['c'], { timeout: 100 })).rejects.toMatchObject({ code: "NOT_SENT" })
    await server.resume()
    await first
    await client.run(push, ['k'], ['d'])
    expect(await server.list()).toBe('abd')
  }))
})

onEach((bench) => {
  it('a busy key costs one round trip more, not one for each call', async () => {
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
})
