import { createServer } from 'node:net'
import {
  everythingShown,
  eventually,
  matrix,
  startRedisCluster,
  startRedis,
  startRedisSentinel,
  type RedisServer,
  type Stage,
} from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-5'
import { createClient, createCluster, createSentinel } from 'redis'
import { createClient as createClient5, createCluster as createCluster5 } from 'redis-5'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ioredisDriver } from '../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../src/drivers/node-redis/driver.js'
import {
  CacheError,
  CacheWriteError,
  ConnectionError,
  ServerError,
  channels,
  compressed,
  createCacheClient,
  defineScript,
  encrypted,
  json,
  msgpack,
  v8,
  type CacheClient,
  type Driver,
} from '../src/index.js'
import { Undecodable, createFormat, redactedError, summaryOf } from '../src/internal.js'

/** The secrets. None of them may occur in anything that can be printed. */
const VALUE = 'V4LUE-of-a-customer'
const PASSWORD = 'P4SSWORD-typo'
const TOKEN = 'T0KEN.of.a.lock'
const CODEC_KEY = 'C0DECKEY'.repeat(8)
const MARKERS = /V4LUE|P4SSWORD|T0KEN|C0DECKEY/i

function expectClean(...shown: readonly unknown[]): void {
  for (const one of shown)
    expect(MARKERS.exec(everythingShown(one))?.[0], everythingShown(one)).toBeUndefined()
}

/** Returns the error that it throws or rejects with. */
async function errorOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('it was to fail')
}

const told: unknown[] = []
const listen = (message: unknown): void => void told.push(message)
beforeEach(() => {
  told.length = 0
  for (const channel of Object.values(channels)) channel.subscribe(listen)
})
afterEach(() => {
  for (const channel of Object.values(channels)) channel.unsubscribe(listen)
  expectClean(told)
})

const refused: readonly [string, ...string[]][] = [
  ['SETT', 'k', VALUE, TOKEN],
  [`${'X'.repeat(200)}`, 'k', VALUE],
  [`SET k ${VALUE}`],
  ['CLIENT', VALUE],
  ['SET', 'k', VALUE, TOKEN],
  ['SET', 'k', VALUE, 'PX', VALUE],
  ['LPUSH', 'k', VALUE],
  ['HSET', 'k', VALUE, VALUE, VALUE],
  ['AUTH', 'nobody', PASSWORD],
  ['HELLO', '3', 'AUTH', 'nobody', PASSWORD],
  ['HELLO', '3', 'SETNAME', `${VALUE} with a space`],
  ['ACL', 'SETUSER', 'nobody', `>${PASSWORD}`, VALUE],
  ['CONFIG', 'SET', 'maxmemory-policy', VALUE],
  ['CONFIG', 'SET', VALUE, PASSWORD],
  ['EVAL', `return ${VALUE.replaceAll('-', ' ')}`, '1', 'k'],
  ['EVAL', 'error(ARGV[1])', '1', 'k', VALUE],
  ['EVAL', 'return redis.error_reply("BAD " .. ARGV[1] .. " is none")', '1', 'k', VALUE],
  ['EVAL', 'return redis.error_reply(ARGV[1])', '1', 'k', 'V4LUE'],
  [
    'EVAL',
    'return redis.error_reply("BAD " .. cjson.decode(ARGV[1]).name)',
    '1',
    'k',
    JSON.stringify({ id: 1, name: VALUE }),
  ],
  ['EVAL', 'return redis.call("SETT", KEYS[1], ARGV[1])', '1', 'k', VALUE],
  ['EVAL', 'return {1, redis.error_reply("BAD " .. ARGV[1])}', '1', 'k', VALUE],
  [
    'EVAL',
    'return redis.error_reply("BAD " .. string.rep("x ", 2000) .. ARGV[1])',
    '1',
    'k',
    VALUE,
  ],
  ['EVALSHA', 'f'.repeat(40), '1', 'k', VALUE],
  ['FCALL', VALUE, '1', 'k'],
  ['XADD', 'k', VALUE, 'a', 'b'],
  ['RESTORE', 'r', '0', VALUE],
  ['BITFIELD', 'k', 'GET', VALUE, '0'],
  ['SCRIPT', 'LOAD', `return ${VALUE}+`],
]

const complaining = defineScript<unknown>({
  name: 'complain',
  lua: 'return redis.error_reply("BAD " .. ARGV[1] .. ": " .. ARGV[2]:sub(4, 30))',
  parse: (reply) => reply,
})
const throwing = defineScript<unknown>({
  name: 'throw',
  lua: 'error(ARGV[1] .. " of " .. KEYS[1]) return 1',
  parse: (reply) => reply,
})

const cases = matrix<Driver>(
  { ioredis: (raw) => ioredisDriver(raw), 'node-redis': (raw) => nodeRedisDriver(raw) },
  { sentinel: true, majors: true },
)

describe.each(cases)('on $name, errors of Redis show no arguments:', ({ start }) => {
  let stage: Stage<Driver>
  let client: CacheClient
  beforeAll(async () => {
    stage = await start()
    client = createCacheClient(stage.driver(), {
      resilience: { readTimeout: '20s', writeTimeout: '20s' },
    })
    await stage.flush()
    await client.send({ args: ['SET', 'k', 'x'], keys: ['k'] })
  })
  afterAll(async () => {
    await client.close()
    await stage.stop()
  })

  it('single commands, and many of one tick', async () => {
    const replies = await Promise.allSettled(
      [...refused, ...refused].map((args) => client.send({ args, keys: ['k'] })),
    )
    for (const reply of replies) expectClean(reply)
    expect(replies.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(
      2 * refused.length - 4,
    )
    for (const args of refused)
      expectClean(await client.send({ args, keys: ['k'] }).catch((error: unknown) => error))
  })

  it('the keys and the reason are shown', async () => {
    const error = await errorOf(() => client.send({ args: ['LPUSH', 'k', VALUE], keys: ['k'] }))
    expect(error).toMatchObject({
      code: 'WRONGTYPE',
      key: 'k',
      command: 'LPUSH',
      message: expect.stringContaining('Operation against a key holding the wrong kind of value'),
    })
    expect(
      await errorOf(() => client.send({ args: ['SETT', 'k', VALUE], keys: ['k'] })),
    ).toMatchObject({ message: expect.stringContaining("unknown command 'SETT'") })
  })

  it('scripts, one call and several in one command', async () => {
    const call = () => client.run(complaining, ['k'], [VALUE, `{"a":"${TOKEN}"}`])
    const replies = await Promise.allSettled([
      call(),
      call(),
      call(),
      client.run(throwing, ['k'], [VALUE]),
    ])
    for (const reply of replies) {
      expect(reply.status).toBe('rejected')
      expectClean(reply)
    }
    expect((replies[0] as PromiseRejectedResult).reason).toMatchObject({
      code: 'BAD',
      command: 'complain',
      key: 'k',
    })
    expectClean(await errorOf(call))
  })
})

/** Returns a client of each library and major version, which is closed after the test. */
type Library = (place: { readonly url: string; readonly username?: string }) => {
  driver(): Driver
  end(): unknown
}
const libraries: Readonly<Record<string, Library>> = {
  ioredis: ({ url, username }) =>
    ofIoredis(new Redis(url, { username, password: PASSWORD, retryStrategy: () => 100 })),
  'ioredis 5': ({ url, username }) =>
    ofIoredis(new Redis5(url, { username, password: PASSWORD, retryStrategy: () => 100 })),
  'ioredis, by its URL': ({ url, username = '' }) =>
    ofIoredis(
      new Redis(url.replace('//', `//${username}:${PASSWORD}@`), { retryStrategy: () => 100 }),
    ),
  'node-redis': ({ url, username = '' }) =>
    ofNodeRedis(
      createClient({
        url: url.replace('//', `//${username}:${PASSWORD}@`),
        socket: { reconnectStrategy: () => 100 },
      }),
    ),
  'node-redis, RESP 2': ({ url, username = '' }) =>
    ofNodeRedis(
      createClient({
        RESP: 2,
        url: url.replace('//', `//${username}:${PASSWORD}@`),
        socket: { reconnectStrategy: () => 100 },
      }),
    ),
  'node-redis 5': ({ url, username = '' }) =>
    ofNodeRedis(
      createClient5({
        url: url.replace('//', `//${username}:${PASSWORD}@`),
        socket: { reconnectStrategy: () => 100 },
      }),
    ),
}

function ofIoredis(raw: Redis | Redis5 | Cluster | Cluster5): ReturnType<Library> {
  ;(raw as Redis).on('error', () => undefined)
  return { driver: () => ioredisDriver(raw), end: () => raw.disconnect() }
}

function ofNodeRedis(raw: unknown): ReturnType<Library> {
  const client = raw as Parameters<typeof nodeRedisDriver>[0] & { destroy(): unknown }
  client.on('error', () => undefined)
  return {
    driver: () => nodeRedisDriver(client),
    async end() {
      try {
        await client.destroy()
      } catch {
        /* it was never connected */
      }
    },
  }
}

function failed(reply: unknown): void {
  if (reply instanceof Error) throw reply
}

/** Runs all operations of a driver while it cannot connect, and returns the results. */
async function attempts(driver: Driver): Promise<readonly unknown[]> {
  const client = createCacheClient(driver, {
    resilience: { readTimeout: '300ms', writeTimeout: '400ms' },
  })
  const nothing = { message: () => undefined, gap: () => undefined, live: () => undefined }
  const dedicated = async (): Promise<unknown> => {
    const connection = await driver.dedicate()
    const reply = await Promise.all(
      connection.send([{ args: ['SET', 'k', VALUE], keys: ['k'] }], {
        timeout: 300,
      }),
    )
    await connection.close()
    return failed(reply)
  }
  const scanned = async (): Promise<unknown> => {
    const nodes = await driver.nodes()
    return Promise.all(
      nodes.map(async (node) =>
        failed(await node.send([{ args: ['ECHO', VALUE], keys: [] }], { timeout: 300 })[0]),
      ),
    )
  }
  const outcomes = await Promise.allSettled([
    client.send({ args: ['SET', 'k', VALUE], keys: ['k'] }),
    client.send({ args: ['GET', 'k'], keys: ['k'] }, { timeout: 200 }),
    client.run(complaining, ['k'], [VALUE, TOKEN]),
    client.entries.fill('k', createFormat<string>(), TOKEN, VALUE, { ttl: 1_000 }),
    client.entries.release('k', TOKEN),
    driver.subscribe(['c'], nothing),
    dedicated(),
    scanned(),
  ])
  await client.close()
  // A successful reply may contain a value.
  return outcomes.filter(({ status }) => status === 'rejected')
}

const servers: Readonly<Record<string, () => Promise<RedisServer>>> = {
  'that has another password': () => startRedis({ password: 'right' }),
  'that does not know AUTH': () => startRedis({ config: { 'rename-command': 'AUTH ""' } }),
  'that does not know HELLO': () =>
    startRedis({ password: 'right', config: { 'rename-command': 'HELLO ""' } }),
  'that has no password': () => startRedis(),
}

/** Returns the failures of all libraries, with and without a user name. */
async function expectCleanFailures(raws: readonly ReturnType<Library>[]): Promise<void> {
  for (const outcomes of await Promise.all(raws.map((raw) => attempts(raw.driver()))))
    expectClean(outcomes)
  await Promise.all(raws.map((raw) => raw.end()))
}

describe('clients with a wrong password show neither that nor values', () => {
  it.each(Object.entries(servers))('on a server %s', async (_, start) => {
    await using server = await start()
    const url = `redis://${server.host}:${server.port}`
    await expectCleanFailures(
      Object.values(libraries).flatMap((library) => [
        library({ url }),
        library({ url, username: 'bob' }),
      ]),
    )
  })

  it('if nothing listens, and if the server does not answer', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    await expectCleanFailures(
      Object.values(libraries).flatMap((library) =>
        ['127.0.0.1:1', `127.0.0.1:${port}`].map((host) => library({ url: `redis://${host}` })),
      ),
    )
    silent.close()
  })
})

it('a wrong password on a Cluster and on Sentinel is not shown', async () => {
  await using cluster = await startRedisCluster()
  for (const node of cluster.nodes) await node.cli('CONFIG', 'SET', 'requirepass', 'right')
  const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }))
  const defaults = { password: PASSWORD, socket: { reconnectStrategy: () => 100 } }
  const rootNodes = nodes.map(({ host, port }) => ({
    url: `redis://bob:${PASSWORD}@${host}:${port}`,
  }))
  await using sentinel = await startRedisSentinel()
  const { addresses, name } = sentinel
  const sentinels = addresses.map(({ host, port }) => ({ host, port }))
  const raws = [
    ofIoredis(
      new Cluster(nodes, { redisOptions: { password: PASSWORD }, clusterRetryStrategy: () => 100 }),
    ),
    ofIoredis(
      new Cluster5(nodes, {
        redisOptions: { password: PASSWORD },
        clusterRetryStrategy: () => 100,
      }),
    ),
    ofNodeRedis(createCluster({ rootNodes, defaults })),
    ofNodeRedis(createCluster5({ rootNodes, defaults })),
    ofIoredis(
      new Redis({
        sentinels,
        name,
        password: PASSWORD,
        sentinelPassword: PASSWORD,
        sentinelRetryStrategy: () => 100,
      }),
    ),
    ofNodeRedis(
      createSentinel({
        name,
        sentinelRootNodes: sentinels,
        nodeClientOptions: defaults,
        sentinelClientOptions: defaults,
      }),
    ),
  ]
  await expectCleanFailures(raws)
}, 60_000)

it('commands that are unanswered, lost or not sent show no values', async () => {
  await using server = await startRedis()
  const raws = [libraries['ioredis']!, libraries['node-redis']!].map((library) =>
    library({ url: `redis://${server.host}:${server.port}`, username: 'limited' }),
  )
  await server.cli(
    'ACL',
    'SETUSER',
    'limited',
    'on',
    `>${PASSWORD}`,
    '~other',
    '+@all',
    '-eval',
    '-evalsha',
  )
  await expectCleanFailures(raws)
  await server.cli('ACL', 'SETUSER', 'limited', 'on', '~*', '&*', '+@all')
  for (const library of [libraries['ioredis']!, libraries['node-redis']!]) {
    const raw = library({ url: `redis://${server.host}:${server.port}`, username: 'limited' })
    const client = createCacheClient(raw.driver())
    await client.send({ args: ['SET', 'k', 'x'], keys: ['k'] })
    await server.pause()
    const late = errorOf(() =>
      client.send({ args: ['SET', 'k', VALUE], keys: ['k'] }, { timeout: 100 }),
    )
    expect(await late).toMatchObject({ code: 'TIMEOUT' })
    const cut = errorOf(() =>
      client.send({ args: ['SET', 'k', VALUE], keys: ['k'] }, { timeout: 20_000 }),
    )
    const closed = errorOf(() =>
      client.run(complaining, ['k'], [VALUE, TOKEN], { timeout: 20_000 }),
    )
    await eventually(async () => {
      await server.kill()
      return true
    })
    expectClean(await late, await cut, await closed)
    await client.close()
    expectClean(await errorOf(() => client.send({ args: ['SET', 'k', VALUE], keys: ['k'] })))
    await raw.end()
    await server.restart()
    await server.cli('ACL', 'SETUSER', 'limited', 'on', `>${PASSWORD}`, '~*', '&*', '+@all')
  }
})

describe('a redacted error of a client', () => {
  it('keeps name, code, message, stack and causes, and no more', () => {
    const inner = Object.assign(new TypeError(`no ${VALUE}`), { args: [VALUE] })
    const raw = Object.assign(
      new Error(`redis://bob:${PASSWORD}@host failed with ${VALUE}`, { cause: inner }),
      {
        code: 'EFAILED',
        command: { name: 'set', args: ['k', VALUE] },
        toJSON: () => ({ VALUE }),
        [Symbol('secret')]: PASSWORD,
      },
    )
    raw.name = 'ReplyError'
    const copy = redactedError(raw)
    expectClean(copy, new ConnectionError('lost', { cause: raw }))
    expect(copy).toMatchObject({
      name: 'ReplyError',
      code: 'EFAILED',
      message: 'redis://host failed with …',
      cause: { name: 'TypeError', message: 'no …' },
    })
    expect(copy.stack).toMatch(/^ReplyError: redis:\/\/host failed with …\n {4}at /)
    expect(redactedError(raw)).toBe(copy)
    expect(redactedError(copy)).toBe(copy)
  })

  it('has the message of the first error of an AggregateError', () => {
    expect(
      redactedError(
        new AggregateError([new Error('connect ECONNREFUSED ::1:6379'), new Error('x')]),
      ),
    ).toMatchObject({ name: 'AggregateError', message: 'connect ECONNREFUSED ::1:6379' })
  })

  it('keeps the code of a reply, whatever its arguments are', () => {
    expect(
      ServerError.fromReply('NOSCRIPT No matching script.', { args: ['NOSCRIPT', VALUE] }).code,
    ).toBe('NOSCRIPT')
    expect(
      ServerError.fromReply('OOM command not allowed', { args: ['OOM command not allowed'] }).code,
    ).toBe('OOM')
  })

  it.each([undefined, null, 'text', 5, {}])('shows nothing of %j', (raw) => {
    expect(redactedError(raw)).toBeInstanceOf(Error)
  })
})

describe('options of the wrong kind are not shown:', () => {
  const url = `redis://bob:${PASSWORD}@h`
  const as = (value: unknown): never => value as never
  it.each<[string, () => unknown]>([
    ['a connection string for a client', () => ioredisDriver(as(url))],
    ['a connection string for a client', () => nodeRedisDriver(as(url))],
    ['a connection string for a driver', () => createCacheClient(as(url))],
    [
      'a connection string for options',
      () =>
        createCacheClient(
          as({ send() {}, group() {}, nodes() {}, subscribe() {}, close() {} }),
          as(url),
        ),
    ],
    [
      'a connection string as the name of an option',
      () =>
        createCacheClient(
          as({ send() {}, group() {}, nodes() {}, subscribe() {}, close() {} }),
          as({ [url]: 1 }),
        ),
    ],
    [
      'a duration',
      () => ioredisDriver(as(new Redis({ lazyConnect: true })), { timeout: as(PASSWORD) }),
    ],
    [
      'the key and the id of a codec, swapped',
      () => encrypted(json, { keys: { [CODEC_KEY]: '2026' } }),
    ],
    [
      'a key of a codec that is too long',
      () => encrypted(json, { keys: { '2026': CODEC_KEY + CODEC_KEY } }),
    ],
    [
      'a key of a codec that is too short',
      () => encrypted(json, { keys: { '2026': CODEC_KEY.slice(0, 12) } }),
    ],
    ['a key of a codec for its options', () => encrypted(json, as(CODEC_KEY))],
    ['a key of a codec for its keys', () => encrypted(json, { keys: as(CODEC_KEY) })],
    ['a key of a codec in an array', () => encrypted(json, { keys: as([CODEC_KEY]) })],
    ['a key of a codec for a codec', () => encrypted(as(CODEC_KEY), { keys: {} })],
    [
      'a key of a codec as the current one',
      () =>
        encrypted(json, { keys: { a: Buffer.alloc(32), b: Buffer.alloc(32) }, current: CODEC_KEY }),
    ],
    [
      'an id of a key that is far too long',
      () => encrypted(json, { keys: { [CODEC_KEY.repeat(9)]: Buffer.alloc(32) } }),
    ],
    ['a threshold', () => compressed(json, { threshold: as(VALUE) })],
    ['an algorithm', () => compressed(json, { algorithm: as(VALUE) })],
    ['a codec', () => createFormat({ codec: as(VALUE) })],
    ['a schema', () => createFormat({ schema: as(VALUE) })],
    ['a version', () => createFormat().encode('k', 1, { version: as(VALUE) })],
  ])('%s', async (_, wrong) => expectClean(await errorOf(wrong)))

  it('values that are not secret are shown: amounts and short names', () => {
    expect(() => compressed(json, { threshold: as('5 kb') })).toThrow('but is "5 kb"')
    expect(() => compressed(json, as({ treshold: 5 }))).toThrow(
      'Option "treshold" must be one of threshold, algorithm.',
    )
  })
})

describe('values that cannot be encoded or decoded are not shown', () => {
  const broken = Object.assign(
    {},
    {
      toJSON: () => {
        throw new Error(VALUE)
      },
    },
  )
  const cyclic: Record<string, unknown> = { name: VALUE }
  cyclic[VALUE] = cyclic
  it.each<[string, unknown]>([
    ['a toJSON that throws', broken],
    ['a cycle', cyclic],
    ['a class', { name: VALUE, keys: new Map([[VALUE, new WeakMap()]]) }],
    ['a symbol', Symbol(VALUE)],
  ])('%s', async (_, value) => {
    expectClean(await errorOf(() => createFormat<unknown>().encode('k', value)))
  })

  const text = {
    name: 'text',
    encode: String,
    decode: (payload: Buffer): never => {
      throw Object.assign(new Error(`can't read ${payload.toString()}`), { payload })
    },
  }
  const schema = z.object({
    name: z.literal('x', { error: ({ input }) => `not ${String(input)}` }),
  })
  const throwing = {
    '~standard': {
      version: 1 as const,
      vendor: 'x',
      validate: (value: unknown): never => {
        throw new Error(JSON.stringify(value))
      },
    },
  }
  const stored = Buffer.from(JSON.stringify({ name: VALUE }))
  it.each([
    ['JSON', createFormat(), Buffer.from(`{"name":"${VALUE}",}`)],
    [
      'MessagePack',
      createFormat({ codec: msgpack }),
      Buffer.concat([Buffer.from([0xa0 + 19]), Buffer.from(VALUE), Buffer.from(VALUE)]),
    ],
    ['v8', createFormat({ codec: v8 }), stored],
    [
      'compressed',
      createFormat({ codec: compressed(json) }),
      Buffer.concat([Buffer.from([2, 1]), stored]),
    ],
    [
      'encrypted',
      createFormat({ codec: encrypted(json, { keys: { a: Buffer.alloc(32) } }) }),
      Buffer.concat([Buffer.from([3, 1, 0x61]), stored, stored]),
    ],
    ['a codec of one’s own', createFormat({ codec: text }), stored],
    ['a schema', createFormat({ schema: schema as never }), stored],
    ['a schema that throws', createFormat({ schema: throwing }), stored],
  ])('%s', async (_, format, payload) => {
    const decoded = await format.decode('k', payload)
    expect(decoded).toBeInstanceOf(Undecodable)
    expectClean(decoded, (decoded as Undecodable).error)
  })
})

it('errors with a result or a cause do not show it', () => {
  const error = new CacheWriteError(['k'], { name: VALUE }, 5_000, undefined)
  expect(error.result).toEqual({ name: VALUE })
  expectClean(error)
  expectClean(summaryOf(new RangeError(VALUE)), summaryOf(VALUE))
  expect(summaryOf(Object.assign(new RangeError(VALUE), { code: '23505' }))).toBe(
    'RangeError 23505.',
  )
  expect(summaryOf(new CacheError('It is so.'))).toBe('It is so.')
})
