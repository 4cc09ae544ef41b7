import { startProxy, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ioredisDriver } from '../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../src/drivers/node-redis/driver.js'
import {
  CacheError,
  CommandTimeoutError,
  ConnectionError,
  InvalidKeyError,
  InvalidOptionError,
  createCacheClient,
  defineScript,
  type CacheClient,
  type ClientOptions,
  type Driver,
} from '../src/index.js'
import { createFormat } from '../src/internal.js'
import { onEach } from './cases.js'

const format = createFormat<number>()
const increment = defineScript({
  name: 'increment',
  lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  parse: Number,
})
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const set = (client: CacheClient, key: string, value: unknown): Promise<unknown> =>
  client.send({ args: ['SET', key, String(value)], keys: [key] })
const nothingIsSent = (): never => {
  throw new Error('nothing is to be sent')
}
const unused: Driver = {
  name: 'none',
  topology: 'standalone',
  send: nothingIsSent,
  group: nothingIsSent,
  dedicate: nothingIsSent,
  subscribe: nothingIsSent,
  nodes: nothingIsSent,
  close: async () => undefined,
}

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))
afterEach(() => expect(unhandled).toEqual([]))

onEach((bench) => {
  describe('the reads of one tick', () => {
    it('are one command for each node, however many callers there are', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      const keys = numbers(100).map((i) => client.key(`product ${i % 30}`, i))
      await Promise.all(keys.map((key, i) => set(client, key, i)))
      const isCluster = bench().topology === 'cluster'
      // Each node learns the script that reads the keys of several slots.
      if (isCluster) await Promise.all(keys.map((key) => client.entries.read(key, format)))
      const watched = await bench().watch()
      expect(
        (await Promise.all(keys.map((key) => client.entries.read(key, format)))).map(
          (entry) => entry?.value,
        ),
      ).toEqual(numbers(100))
      const sent = await watched.commands('GET', 'MGET', 'EVALSHA')
      expect(sent.length).toBeLessThanOrEqual(isCluster ? 3 : 1)
      expect(sent.flatMap((command) => command.slice(isCluster ? 3 : 1)).sort()).toEqual(
        keys.toSorted(),
      )
    })

    it('read the same key once, and give each reader a separate value', async () => {
      const client = bench().newClient()
      const lists = createFormat<number[]>()
      await set(client, 'a', '[1]')
      const watched = await bench().watch()
      const entries = await Promise.all(numbers(50).map(() => client.entries.read('a', lists)))
      expect(await watched.commands('GET', 'MGET')).toEqual(
        [['get', 'a']].map(([name, key]) => [
          expect.stringMatching(new RegExp(`^${name!}$`, 'i')),
          key,
        ]),
      )
      entries[0]!.value.push(2)
      expect(entries[1]!.value).toEqual([1])
    })

    it('read from Redis again in a later tick', async () => {
      const client = bench().newClient()
      const early = client.entries.read('a', format)
      await set(client, 'a', 1)
      const late = client.entries.read('a', format)
      expect(await early).toBeUndefined()
      expect((await late)?.value).toBe(1)
    })

    it('of too many keys for one command are several commands', async () => {
      const client = bench().newClient()
      const keys = numbers(600).map((i) => `{t}${i}`)
      await Promise.all(keys.map((key, i) => set(client, key, i)))
      const watched = await bench().watch()
      expect(
        (await Promise.all(keys.map((key) => client.entries.read(key, format)))).map(
          (entry) => entry?.value,
        ),
      ).toEqual(numbers(600))
      expect((await watched.commands('MGET')).map((command) => command.length - 1)).toEqual([
        256, 256, 88,
      ])
    })

    it('are not affected by a key of another type', async () => {
      const client = bench().newClient()
      await set(client, '{t}a', 1)
      await client.send({ args: ['RPUSH', '{t}list', 'x'], keys: ['{t}list'] })
      const [a, list, none] = await Promise.all(
        ['{t}a', '{t}list', '{t}none'].map((key) => client.entries.read(key, format)),
      )
      expect([a?.value, list, none]).toEqual([1, undefined, undefined])
    })

    it('are told apart, whatever the names of the keys', async () => {
      const client = bench().newClient()
      const keys = [
        '__proto__',
        'constructor',
        'toString',
        '',
        ' ',
        '*',
        '{}',
        '}{',
        '😀',
        'a\r\nb',
        '\0',
      ]
      await Promise.all(keys.map((key, i) => set(client, key, i)))
      expect(
        (await Promise.all(keys.map((key) => client.entries.read(key, format)))).map(
          (entry) => entry?.value,
        ),
      ).toEqual(numbers(keys.length))
      expect(
        (await client.entries.readMany(keys, format)).map(
          (entry) => (entry as { value: number }).value,
        ),
      ).toEqual(numbers(keys.length))
    })
  })

  describe('the requests of one tick', () => {
    it('get their own replies, in any mixture', async () => {
      const client = bench().newClient()
      await set(client, 'a', 5)
      const answers = await Promise.all([
        client.entries.read('a', format).then((entry) => entry?.value),
        client.send({ args: ['ECHO', 'x'], keys: [] }),
        client.run(increment, ['n'], ['2']),
        client.send({ args: ['GET', 'a'], keys: ['a'], binary: true }),
        client.entries
          .readMany(['a', 'none', 'a'], format)
          .then((all) => all.map((entry) => (entry as { value: number } | undefined)?.value)),
        client.run(increment, ['n'], ['3']),
      ])
      expect(answers).toEqual([5, 'x', 2, Buffer.from('5'), [5, undefined, 5], 5])
    })

    it('are sent together, including those of promises that settle in it', async () => {
      const client = bench().newClient()
      await client.send({ args: ['PING'], keys: [] })
      const sends = vi.spyOn(client.driver, 'send')
      const later = async (depth: number): Promise<unknown> => {
        for (let i = 0; i < depth; i++) await Promise.resolve()
        return client.send({ args: ['ECHO', String(depth)], keys: [] })
      }
      expect(await Promise.all([0, 1, 2, 5].map(later))).toEqual(['0', '1', '2', '5'])
      expect(sends).toHaveBeenCalledTimes(1)
    })

    it('have separate deadlines: a slow one does not affect the others', async () => {
      const client = bench().newClient()
      await client.send({ args: ['BLPOP', 'none', '0.01'], keys: ['none'] })
      const slow = client.send({ args: ['BLPOP', 'none', '1'], keys: ['none'] }, { timeout: 20 })
      await expect(slow).rejects.toBeInstanceOf(CommandTimeoutError)
      await expect(slow).rejects.toMatchObject({ code: 'TIMEOUT', command: 'BLPOP', key: 'none' })
      expect(await client.send({ args: ['ECHO', 'x'], keys: [] })).toBe('x')
    })
  })

  describe('close', () => {
    it('settles requests under way, refuses later ones, and can be repeated', async () => {
      const client = bench().newClient()
      await client.send({ args: ['PING'], keys: [] })
      const blocked = client
        .send({ args: ['BLPOP', 'none', '20'], keys: ['none'] })
        .catch((error: unknown) => error)
      await new Promise((resolve) => setImmediate(resolve))
      await Promise.all([client.close(), client.close()])
      await client[Symbol.asyncDispose]()
      expect(await blocked).toBeInstanceOf(ConnectionError)
      for (const late of [
        client.send({ args: ['PING'], keys: [] }),
        client.run(increment, ['n'], ['1']),
        client.entries.read('a', format),
        client.entries.invalidate(['a']),
      ]) {
        await expect(late).rejects.toBeInstanceOf(ConnectionError)
        await expect(late).rejects.toThrow(/closed/)
      }
    })
  })
})

describe('createCacheClient', () => {
  const wrong: readonly (readonly [option: string, options: unknown])[] = [
    ...['', '{', 'a\nb', 5, null, {}].map((namespace) => ['namespace', { namespace }] as const),
    ...[5, 'x', true, []].map((resilience) => ['resilience', { resilience }] as const),
    ...['readTimeout', 'writeTimeout'].flatMap((name) =>
      [0, -1, NaN, '1 apple', null, {}].map(
        (value) => [`resilience.${name}`, { resilience: { [name]: value } }] as const,
      ),
    ),
    ...[0, -1, 1.5, NaN, Infinity, '5', null].map(
      (maxInFlight) => ['resilience.maxInFlight', { resilience: { maxInFlight } }] as const,
    ),
    ...[5, 'x', []].map((breaker) => ['resilience.breaker', { resilience: { breaker } }] as const),
    ...[0, -1, 1.5, Infinity, '5', null].map(
      (failures) =>
        ['resilience.breaker.failures', { resilience: { breaker: { failures } } }] as const,
    ),
    ...[0, -1, NaN, 'soon', null].map(
      (cooldown) =>
        ['resilience.breaker.cooldown', { resilience: { breaker: { cooldown } } }] as const,
    ),
    ['resilience.timeout', { resilience: { timeout: 5 } }],
    ['resilience.breaker.failure', { resilience: { breaker: { failure: 5 } } }],
    ['prefix', { prefix: 'shop' }],
    ['options', null],
    ['options', 5],
    ['options', []],
  ]
  it.each(wrong)('refuses a wrong %s at once, naming it: %o', (option, options) => {
    const create = (): unknown => createCacheClient(unused, options as ClientOptions)
    expect(create).toThrow(InvalidOptionError)
    expect(create).toThrow(expect.objectContaining({ option }))
  })

  it.each([
    [undefined],
    [null],
    [{}],
    ['redis://localhost'],
    [5],
    [{ send: nothingIsSent }],
    [new Map()],
  ])('refuses %o for a driver', (driver) => {
    expect(() => createCacheClient(driver as never)).toThrow(InvalidOptionError)
    expect(() => createCacheClient(driver as never)).toThrow('"driver"')
  })

  it('sends nothing before the first request, and makes keys without Redis', () => {
    const client = createCacheClient(unused, { namespace: 'shop' })
    expect(client.namespace).toBe('shop')
    expect(client.driver).toBe(unused)
    expect(client.key('product', 42)).toBe('shop:product:42')
    expect(createCacheClient(unused).key('product', 42)).toBe('product:42')
  })

  it('sends nothing for keys that cannot have companions', async () => {
    const client = createCacheClient(unused)
    const write = { ttl: 1_000 }
    for (const key of ['', 'a}', '{a}', '{a}:lease', 'a\nb', 'x'.repeat(9_000)]) {
      for (const call of [
        () => client.entries.lease(key, format, { token: 't', ttl: 1_000 }),
        () => client.entries.put(key, format, 1, write),
        () => client.entries.invalidate([key]),
        () => client.entries.beginWrite([key], 't', 1_000),
        () => client.entries.commitWrite(key, 't'),
      ])
        await expect(call()).rejects.toBeInstanceOf(InvalidKeyError)
    }
  })
})

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

describe.each(Object.keys(connections))(
  'an outage, on %s',
  (name) => {
    const ends: (() => unknown)[] = []
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end()
    })

    async function start(): Promise<RedisServer> {
      const server = await startRedis()
      ends.push(() => server.stop())
      return server
    }

    function connect(url: string, resilience: ClientOptions['resilience']): CacheClient {
      const { driver, end } = connections[name]!(url)
      const client = createCacheClient(driver, resilience ? { resilience } : {})
      ends.push(end, () => client.close())
      return client
    }

    const ping = (client: CacheClient): Promise<unknown> =>
      client.send({ args: ['PING'], keys: [] })
    const codeOf = (answer: Promise<unknown>): Promise<string> =>
      answer.then(
        () => 'answered',
        (error: CacheError) => error.code,
      )

    it('refuses requests beyond maxInFlight at once, and counts keys, not callers', async () => {
      const server = await start()
      const client = connect(server.url, {
        maxInFlight: 10,
        readTimeout: '20s',
        writeTimeout: '20s',
      })
      await ping(client)
      await server.pause()
      const joined = numbers(10).map(() => client.entries.read('same', format))
      const accepted = numbers(4)
        .map((i) => client.entries.read(`k ${i}`, format))
        .concat(
          numbers(5).map(async () => {
            await ping(client)
            return undefined
          }),
        )
      await new Promise((resolve) => setImmediate(resolve))
      for (const refused of [
        client.entries.read('one more', format),
        client.run(increment, ['n'], ['1']),
        ping(client),
        client.entries.readMany(['a'], format).then((all) => Promise.reject(all[0] as Error)),
      ]) {
        await expect(refused).rejects.toMatchObject({ name: 'ConnectionError', code: 'OVERLOADED' })
        await expect(refused).rejects.toThrow('resilience.maxInFlight')
      }
      await server.resume()
      await Promise.all([...joined, ...accepted])
      expect(await ping(client)).toBe('PONG')
      // All capacity has been freed, including that of errors.
      expect(await Promise.all(numbers(10).map(() => codeOf(ping(client))))).toEqual(
        numbers(10).map(() => 'answered'),
      )
    })

    it('frees the capacity of failed requests', async () => {
      const server = await start()
      const client = connect(server.url, {
        maxInFlight: 5,
        readTimeout: 30,
        writeTimeout: 30,
        breaker: { failures: 1_000 },
      })
      await vi.waitFor(() => ping(client), { timeout: 10_000 })
      await server.pause()
      for (let round = 0; round < 5; round++) {
        const codes = await Promise.all(
          numbers(8).map((i) =>
            codeOf(
              i % 2
                ? client.entries.read(`k ${i}`, format)
                : client.run(increment, [`k ${i}`], ['1']),
            ),
          ),
        )
        expect(codes.filter((code) => code === 'OVERLOADED')).toHaveLength(3)
        expect(codes.filter((code) => code === 'TIMEOUT' || code === 'CONNECTION')).toHaveLength(5)
      }
      await server.resume()
      await vi.waitFor(
        async () =>
          expect(
            await Promise.all(
              numbers(5).map((i) => codeOf(client.run(increment, [`j ${i}`], ['1']))),
            ),
          ).toEqual(numbers(5).map(() => 'answered')),
        { timeout: 10_000 },
      )
    })

    it('opens the circuit after the failures, then probes once per cooldown', async () => {
      const server = await start()
      const client = connect(server.url, {
        readTimeout: 50,
        writeTimeout: 50,
        breaker: { failures: 3, cooldown: 800 },
      })
      await vi.waitFor(() => ping(client), { timeout: 10_000 })
      await server.pause()
      const sends = vi.spyOn(client.driver, 'send')
      for (let i = 0; i < 3; i++) expect(await codeOf(ping(client))).toBe('TIMEOUT')
      expect(sends).toHaveBeenCalledTimes(3)
      sends.mockClear()
      for (let i = 0; i < 20; i++) expect(await codeOf(ping(client))).toBe('CIRCUIT_OPEN')
      expect(sends).not.toHaveBeenCalled()

      // Only one probe is sent for many callers, and nobody waits for its result.
      await vi.waitFor(
        async () => {
          await codeOf(ping(client))
          expect(sends).toHaveBeenCalledTimes(1)
        },
        { timeout: 10_000, interval: 1 },
      )
      for (let i = 0; i < 20; i++) expect(await codeOf(ping(client))).toBe('CIRCUIT_OPEN')
      expect(sends).toHaveBeenCalledTimes(1)
      await new Promise((resolve) => setTimeout(resolve, 820))
      let probed: string | undefined
      const probe = codeOf(client.send({ args: ['PING'], keys: [] }, { timeout: 20_000 })).then(
        (code) => {
          probed = code
        },
      )
      for (let i = 0; i < 20; i++) {
        await new Promise((resolve) => setImmediate(resolve))
        expect(await codeOf(ping(client))).toBe('CIRCUIT_OPEN')
      }
      expect(sends).toHaveBeenCalledTimes(2)
      expect(probed).toBeUndefined()

      await server.resume()
      await probe
      expect(probed).toBe('answered')
      expect(await Promise.all(numbers(50).map(() => codeOf(ping(client))))).toEqual(
        numbers(50).map(() => 'answered'),
      )
    })

    it('opens the circuit of the node that was used, even if the key has moved', async () => {
      const server = await start()
      let node = 'the dead one'
      const { driver } = connect(server.url, {})
      const client = createCacheClient(
        { ...driver, nodeOf: () => node, silentFor: () => driver.silentFor!('') },
        {
          resilience: {
            readTimeout: 300,
            writeTimeout: 300,
            breaker: { failures: 3, cooldown: '1m' },
          },
        },
      )
      const get = (): Promise<string> => codeOf(client.send({ args: ['GET', 'k'], keys: ['k'] }))
      await vi.waitFor(async () => expect(await get()).toBe('answered'), { timeout: 10_000 })
      await server.pause()
      const sent: Promise<string>[] = []
      for (let i = 0; i < 5; i++) {
        sent.push(get())
        await new Promise((resolve) => setImmediate(resolve)) // each is a separate send
      }
      node = 'the one in its place'
      expect(await Promise.all(sent)).toEqual(sent.map(() => 'TIMEOUT'))
      await server.resume()
      await vi.waitFor(async () => expect(await get()).toBe('answered'), { timeout: 10_000 })
      node = 'the dead one'
      expect(await get()).toBe('CIRCUIT_OPEN')
    })

    it('stays closed if Redis replies with errors', async () => {
      const server = await start()
      const client = connect(server.url, {
        readTimeout: '20s',
        writeTimeout: '20s',
        breaker: { failures: 2 },
      })
      for (let i = 0; i < 10; i++)
        expect(await codeOf(client.send({ args: ['NOSUCH'], keys: [] }))).toBe('ERR')
      expect(await ping(client)).toBe('PONG')
    })

    it('restarts the count with each reply', async () => {
      const server = await start()
      const client = connect(server.url, {
        readTimeout: '20s',
        writeTimeout: '20s',
        breaker: { failures: 2 },
      })
      await ping(client)
      const late = (): Promise<string> =>
        codeOf(client.send({ args: ['BLPOP', 'none', '0.2'], keys: ['none'] }, { timeout: 5 }))
      for (let i = 0; i < 5; i++) {
        expect(await late()).toBe('TIMEOUT')
        expect(await ping(client)).toBe('PONG')
      }
    })

    it.each(['killed', 'paused', 'cut off', 'silent'])(
      'settles everything when Redis is %s in the middle of it, and recovers',
      async (how) => {
        const server = await start()
        const proxy = await startProxy(server)
        ends.push(() => proxy.close())
        const client = connect(proxy.url, {
          readTimeout: 200,
          writeTimeout: 200,
          breaker: { failures: 5, cooldown: 50 },
        })
        await vi.waitFor(() => ping(client), { timeout: 10_000 })
        const asked: Promise<PromiseSettledResult<unknown>[]>[] = []
        const load = async (rounds: number): Promise<void> => {
          for (let round = 0; round < rounds; round++) {
            asked.push(
              Promise.allSettled([
                ...numbers(20).map((i) => client.entries.read(`k ${i}`, format)),
                client.entries.readMany(['a', 'b'], format),
                client.run(increment, ['n'], ['1']),
                ping(client),
                client.entries.put('p', format, 1, { ttl: 1_000 }),
                client.entries.invalidate(['a', 'b']),
                client.entries.readWithLife('a', format),
              ]),
            )
            await new Promise((resolve) => setTimeout(resolve, 2))
          }
        }
        await load(10)
        if (how === 'killed') await server.kill()
        else if (how === 'paused') await server.pause()
        else if (how === 'cut off') await proxy.cut()
        else proxy.swallow('replies')
        await load(30)
        const settled = (await Promise.all(asked)).flat()
        for (const one of settled)
          if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(CacheError)
        if (how === 'killed') await server.restart()
        else if (how === 'paused') await server.resume()
        else await proxy.pass()
        await vi.waitFor(
          async () => {
            await client.entries.put('back', format, 7, { ttl: 60_000 })
            expect((await client.entries.read('back', format))?.value).toBe(7)
          },
          { timeout: 20_000, interval: 20 },
        )
      },
    )

    it('of a server that was never up ends each command at its deadline', async () => {
      const server = await start()
      await server.kill()
      const client = connect(server.url, {
        readTimeout: 50,
        writeTimeout: 50,
        breaker: { failures: 100 },
      })
      for (let i = 0; i < 5; i++) {
        const error = await client.entries.read('a', format).catch((caught: unknown) => caught)
        expect(error).toBeInstanceOf(ConnectionError)
        expect((error as Error).message).toMatch(/not sent|got no reply/)
      }
      await server.restart()
      await vi.waitFor(() => ping(client), { timeout: 20_000, interval: 20 })
    })
  },
  60_000,
)
