import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startRedis, type RedisServer } from '@cache/testkit'
import { ESLint } from 'eslint'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Deadlines } from '../src/util/deadlines.js'
import { ioredisDriver } from '../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../src/drivers/node-redis/driver.js'
import {
  InvalidKeyError,
  InvalidOptionError,
  ServerError,
  createCacheClient,
  defineScript,
  glob,
  type Argument,
  type CacheClient,
  type ClientOptions,
  type Driver,
  type GlobPattern,
  type Reply,
} from '../src/index.js'
import { createFormat } from '../src/internal.js'
import { onEach } from './cases.js'

const format = createFormat<number>()

const connections: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  ioredis(url) {
    const redis = new Redis(url, { retryStrategy: () => 20 })
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url, socket: { reconnectStrategy: 20 } })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

describe.each(Object.keys(connections))('on %s', (name) => {
  const ends: (() => unknown)[] = []
  let unhandled: unknown[]
  let heard: (error: unknown) => void
  let others: {
    unhandledRejection: NodeJS.UnhandledRejectionListener[]
    uncaughtException: NodeJS.UncaughtExceptionListener[]
  }
  let server: RedisServer
  let client: CacheClient

  beforeEach(async () => {
    // Instead of the runner, which would fail the whole run.
    others = {
      unhandledRejection: process.listeners('unhandledRejection'),
      uncaughtException: process.listeners('uncaughtException'),
    }
    unhandled = []
    heard = (error) => {
      unhandled.push(error)
    }
    process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException')
    process.on('unhandledRejection', heard).on('uncaughtException', heard)
    server = await startRedis()
    client = connect()
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    await server.stop()
    process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException')
    for (const listener of others.unhandledRejection) process.on('unhandledRejection', listener)
    for (const listener of others.uncaughtException) process.on('uncaughtException', listener)
  })

  function connect(
    resilience: ClientOptions['resilience'] = { readTimeout: '5s', writeTimeout: '5s' },
  ): CacheClient {
    const { driver, end } = connections[name]!(server.url)
    const made = createCacheClient(driver, { resilience })
    ends.push(end, () => made.close())
    return made
  }
  const command = (...args: [string, ...Argument[]]): Promise<Reply> =>
    client.send({ args, keys: args.slice(1, 2) as string[] })

  describe('scripts', () => {
    it('decide the calls of one tick in order, whatever their numbers of arguments', async () => {
      const push = defineScript({
        name: 'push',
        lua: "return redis.call('RPUSH', KEYS[1], unpack(ARGV))",
        parse: Number,
      })
      await Promise.all([
        client.run(push, ['list'], ['1']),
        client.run(push, ['list'], ['2', '3']),
        client.run(push, ['list'], ['4']),
      ])
      expect(await command('LRANGE', 'list', '0', '-1')).toEqual(['1', '2', '3', '4'])
    })

    it('tell calls apart by their numbers of keys and arguments', async () => {
      const count = defineScript({
        name: 'count',
        lua: 'return {#KEYS, #ARGV}',
        parse: (reply) => reply,
      })
      const thousand = Array.from({ length: 1_000 }, () => 'x')
      expect(
        await Promise.all([client.run(count, ['a'], thousand), client.run(count, ['a', 'b'], [])]),
      ).toEqual([
        [1, 1_000],
        [2, 0],
      ])
    })

    it('give each call KEYS and ARGV of its own', async () => {
      const given = defineScript({
        name: 'given',
        lua: 'return {KEYS, ARGV}',
        parse: (reply) => reply,
      })
      expect(
        await Promise.all(['a', 'b'].map((each) => client.run(given, [each], [each]))),
      ).toEqual([
        [['a'], ['a']],
        [['b'], ['b']],
      ])
      const growing = defineScript({
        name: 'growing',
        lua: "ARGV[#ARGV + 1] = 'more' return #ARGV",
        parse: (reply) => reply,
      })
      expect(
        await Promise.all(['a', 'b', 'c'].map((each) => client.run(growing, ['k'], [each]))),
      ).toEqual([2, 2, 2])
    })

    it('reject a call that answers with an error', async () => {
      const failing = defineScript({
        name: 'failing',
        lua: "return redis.error_reply('MINE own words')",
        parse: (reply) => reply,
      })
      await expect(client.run(failing, ['k'], [])).rejects.toBeInstanceOf(ServerError)
      await command('SET', 'text', 'x')
      const careful = defineScript({
        name: 'careful',
        lua: "return redis.pcall('INCR', KEYS[1])",
        parse: Number,
      })
      const [wrong, right] = await Promise.allSettled([
        client.run(careful, ['text'], []),
        client.run(careful, ['n'], []),
      ])
      expect([wrong.status, right.status]).toEqual(['rejected', 'fulfilled'])
    })

    it('that differ only in asking for bytes or text each get their own reply', async () => {
      const lua = "return redis.call('GET', KEYS[1])"
      const [bytes, text] = [
        defineScript({ name: 'bytes', lua, binary: true, readOnly: true, parse: (reply) => reply }),
        defineScript({ name: 'text', lua, readOnly: true, parse: (reply) => reply }),
      ]
      await command('SET', 'k', 'v')
      expect(
        await Promise.all([client.run(bytes, ['k'], []), client.run(text, ['k'], [])]),
      ).toEqual([Buffer.from('v'), 'v'])
    })
  })

  describe('many keys of which one is refused', () => {
    const keys = ['good', 'bad}']

    it.each<[string, (client: CacheClient) => Promise<unknown>]>([
      ['invalidate', ({ entries }) => entries.invalidate(keys)],
      ['beginWrite', ({ entries }) => entries.beginWrite(keys, 'token', 1_000)],
    ])('in %s: nothing is sent', async (_, call) => {
      await client.entries.put('good', format, 1, { ttl: 60_000 })
      const sends = vi.spyOn(client.driver, 'send')
      await expect(call(client)).rejects.toBeInstanceOf(InvalidKeyError)
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(sends).not.toHaveBeenCalled()
    })

    it.each<[string, (client: CacheClient) => Promise<unknown>]>([
      ['invalidate', ({ entries }) => entries.invalidate(keys)],
      ['beginWrite', ({ entries }) => entries.beginWrite(keys, 'token', 1_000)],
    ])('in %s, with Redis gone: no rejection goes unhandled', async (_, call) => {
      const hurried = connect({ writeTimeout: 50 })
      await vi.waitFor(() => hurried.send({ args: ['PING'], keys: [] }), { timeout: 10_000 })
      await server.kill()
      await expect(call(hurried)).rejects.toBeInstanceOf(InvalidKeyError)
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(unhandled).toEqual([])
    })
  })

  describe('a bad call', () => {
    it.each<[string, unknown]>([
      ['no arguments', { args: [], keys: [] }],
      ['nothing', undefined],
    ])(
      'of send, with %s, settles, touches no other, and nothing goes unhandled',
      async (_, wrong) => {
        await command('PING')
        const bad = (async () => client.send(wrong as never))()
        const neighbour = client.send({ args: ['ECHO', 'on'], keys: [] }).catch(() => undefined)
        const late = new Promise((resolve) => setTimeout(resolve, 2_000, 'never settled'))
        const settled = await Promise.all([
          Promise.race([
            bad.then(
              () => 'settled',
              () => 'settled',
            ),
            late,
          ]),
          Promise.race([neighbour, late]),
        ])
        expect({ settled, unhandled }).toEqual({ settled: ['settled', 'on'], unhandled: [] })
      },
    )

    it.each([0, -1, NaN, '5s', null])(
      'of send, with the timeout %o, is refused',
      async (timeout) => {
        await expect(
          (async () =>
            client.send({ args: ['ECHO', 'x'], keys: [] }, { timeout: timeout as number }))(),
        ).rejects.toBeInstanceOf(InvalidOptionError)
      },
    )

    it('of scan, with a pattern that is not a glob`…`, is refused', async () => {
      await command('SET', 'user:1', 'x')
      await expect(
        (async () => {
          for await (const keys of client.scan('user:*' as unknown as GlobPattern))
            expect(keys).toEqual(['user:1'])
        })(),
      ).rejects.toBeInstanceOf(InvalidOptionError)
      for await (const keys of client.scan(glob`user:*`)) expect(keys).toEqual(['user:1'])
    })
  })

  it('a client that is closed says so, however often it is asked', async () => {
    await command('PING').catch(() => undefined)
    await client.close()
    for (let i = 0; i < 20; i++)
      await expect(client.send({ args: ['PING'], keys: [] })).rejects.toThrow(/closed/)
  })
})

describe('options that are not checked', () => {
  const driver = {
    name: 'none',
    topology: 'standalone',
    send: 1,
    group: 1,
    dedicate: 1,
    subscribe: 1,
    nodes: 1,
    close: 1,
  } as unknown as Driver
  const works = {
    ...driver,
    send: () => undefined,
    group: () => [],
    subscribe: () => undefined,
    nodes: () => [],
    close: () => undefined,
  } as unknown as Driver

  it('a driver whose methods are none', () => {
    expect(() => createCacheClient(driver)).toThrow(InvalidOptionError)
  })

  it.each([{ resilience: null }, { resilience: { breaker: null } }])('%o', (options) => {
    expect(() => createCacheClient(works, options as never)).toThrow(InvalidOptionError)
  })

  it.each([
    { maxValueBytes: NaN },
    { maxValueBytes: -1 },
    { maxValueBytes: 0 },
    { maxValueBytes: '8 apples' },
    { schemas: undefined },
    null,
    5,
  ])('createFormat(%o)', (options) => {
    expect(() => createFormat(options as never)).toThrow(InvalidOptionError)
  })
})

describe('the lint rules', { timeout: 60_000 }, () => {
  it.each([
    ["export const lock = await import('@cache/lock')\n", 'aside'],
    ["export const library = await import('ioredis')\n", 'core'],
    ["export { Redis } from 'ioredis/built/Redis.js'\n", 'core'],
  ])('refuse %j in %s', async (text, name) => {
    const root = fileURLToPath(new URL('../../../', import.meta.url))
    const [result] = await new ESLint({ cwd: root }).lintText(text, {
      filePath: `${root}packages/${name}/src/index.ts`,
    })
    expect(result!.messages.map(({ ruleId }) => ruleId)).toEqual([
      expect.stringMatching(/restricted/),
    ])
  })
})

describe('Deadlines', () => {
  it('forget what is done', async () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const deadlines = new Deadlines()
    const use = async (from: number, count: number): Promise<number> => {
      for (let i = 0; i < count; i++) deadlines.done(deadlines.set(from + i / 1e6, () => undefined))
      await new Promise((resolve) => setTimeout(resolve, 300))
      gc()
      return process.memoryUsage().heapUsed
    }
    const before = await use(1, 10_000)
    const after = await use(2, 100_000)
    expect((after - before) / 100_000).toBeLessThan(50)
    deadlines.set(1, () => undefined)
  })
})

onEach((bench) => {
  it('a call with keys of two slots touches no other call', async () => {
    const both = defineScript({
      name: 'both',
      lua: "return redis.call('INCR', KEYS[1]) + redis.call('INCR', KEYS[2])",
      parse: Number,
    })
    const client = bench().newClient()
    const [good, crossing] = await Promise.allSettled([
      client.run(both, ['{t}a', '{t}b'], []),
      client.run(both, ['{t}c', '{u}d'], []),
    ])
    expect(good).toEqual({ status: 'fulfilled', value: 2 })
    expect(crossing.status).toBe(bench().topology === 'cluster' ? 'rejected' : 'fulfilled')
  })
})
