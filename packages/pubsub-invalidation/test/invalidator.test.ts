import { createAside } from '@cache/aside'
import { InvalidOptionError, createCacheClient, type CacheClient, type Command } from '@cache/core'
import { createFormat } from '@cache/core/internal'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type Stage } from '@cache/testkit'
import { Redis } from 'ioredis'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  expectTypeOf,
  it,
  vi,
} from 'vitest'
import {
  InvalidatorError,
  createInvalidationBus,
  createInvalidator,
  drop,
  dropGroup,
  dropPrefix,
  hashRemove,
  listRemove,
  setRemove,
  sortedSetRemove,
  withNearCache,
} from '../src/index.js'
import { cases } from './cases.js'

const format = createFormat<string>()
const write = { ttl: 3_600_000 }

const rules = {
  'user.deleted': (id: number) => [
    drop(['user', id]),
    drop(['user', id, 'permissions']),
    drop(['user', id, 'settings']),
    listRemove('recent_users', id),
    setRemove('active_users', id),
    sortedSetRemove('leaderboard', id),
    hashRemove('emails', id),
    dropPrefix(`user:${id}:`),
    dropGroup('users'),
  ],
  'price.changed': (sku: string, _price: number) => [drop(['product', sku])],
  nothing: () => [],
} as const

describe.each(cases)('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  const cleanup: (() => unknown)[] = []
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(() => stage.flush())
  afterEach(async () => {
    for (const close of cleanup.splice(0).reverse()) await close()
  })

  async function make() {
    const client = stage.driver()
    const sent: Command[][] = []
    const { driver } = client
    Object.assign(driver, {
      send: ((send) => (commands: readonly Command[], options: never) => {
        sent.push([...commands])
        return send(commands, options)
      })(driver.send),
    })
    const bus = createInvalidationBus({ client })
    await vi.waitFor(() => bus.ready(), { timeout: 10_000 })
    cleanup.push(
      () => client.close(),
      () => bus.close(),
    )
    return { client, bus, sent, invalidator: createInvalidator({ client, bus, rules }) }
  }

  it('runs all actions of a rule: on entries, lists, sets, sorted sets and hashes', async () => {
    const { client, invalidator } = await make()
    const send = (...args: [string, string, ...string[]]) => client.send({ args, keys: [args[1]] })
    const keys = [
      'shop:user:42',
      'shop:user:42:permissions',
      'shop:user:42:settings',
      'shop:user:43',
    ]
    for (const key of keys) await client.entries.put(key, format, 'x', write)
    await send('RPUSH', 'shop:recent_users', '42', '43', '42')
    await send('SADD', 'shop:active_users', '42', '43')
    await send('ZADD', 'shop:leaderboard', '1', '42', '2', '43')
    await send('HSET', 'shop:emails', '42', 'a', '43', 'b')
    await invalidator.emit('user.deleted', 42)
    expect(await Promise.all(keys.map((key) => client.entries.read(key, format)))).toMatchObject([
      undefined,
      undefined,
      undefined,
      { value: 'x' },
    ])
    expect(await send('LRANGE', 'shop:recent_users', '0', '-1')).toEqual(['43'])
    expect(await send('SMEMBERS', 'shop:active_users')).toEqual(['43'])
    expect(await send('ZRANGE', 'shop:leaderboard', '0', '-1')).toEqual(['43'])
    expect(await send('HGETALL', 'shop:emails')).toEqual(['43', 'b'])
  })

  it('sends one pipeline, and after it one message', async () => {
    const { sent, invalidator } = await make()
    await invalidator.emit('user.deleted', 1) // from now on the server knows the scripts
    sent.length = 0
    await invalidator.emit('user.deleted', 42)
    const names = sent.map((commands) => commands.map(({ args: [name] }) => name))
    expect(names).toHaveLength(2)
    expect(names[0]!.filter((name) => name !== 'EVALSHA').sort()).toEqual([
      'HDEL',
      'LREM',
      'SREM',
      'ZREM',
    ])
    expect(names[1]).toHaveLength(1)
    if (stage.server) expect(names[0]!.filter((name) => name === 'EVALSHA')).toHaveLength(1)
  })

  it('all near caches drop the entries, prefixes and groups', async () => {
    const { client, bus, invalidator } = await make()
    const elsewhere = await make()
    const groups = (_: string, value: string) => [value]
    const [here, there] = [
      withNearCache(client, { bus, groups }),
      withNearCache(elsewhere.client, { bus: elsewhere.bus, groups }),
    ]
    for (const near of [here, there]) {
      const texts = createAside<string, readonly string[]>({
        client: near,
        prefix: 'user',
        ttl: '1h',
        key: (parts) => parts,
      })
      // A message of the previous test may still arrive over the cluster bus.
      await vi.waitFor(async () => {
        for (const [parts, value] of [
          [['42'], 'a'],
          [['42', 'permissions'], 'a'],
          [['42', 'other'], 'a'],
          [['43'], 'users'],
          [['44'], 'a'],
        ] as const)
          await texts.getOrLoad(parts, () => value)
        expect(near.near.stats().entries).toBe(5)
      }, 5_000)
    }
    await invalidator.emit('user.deleted', 42)
    expect(here.near.stats().entries).toBe(1)
    await vi.waitFor(() => expect(there.near.stats().entries).toBe(1), 5_000)
  })

  it('events and their arguments are typed', async () => {
    const { invalidator } = await make()
    expectTypeOf(invalidator.emit<'user.deleted'>).parameters.toEqualTypeOf<
      ['user.deleted', number]
    >()
    expectTypeOf(invalidator.emit<'price.changed'>).parameters.toEqualTypeOf<
      ['price.changed', string, number]
    >()
    // @ts-expect-error unknown event
    await expect(invalidator.emit('user.renamed', 42)).rejects.toThrow(
      'Option "event" must be one of user.deleted, price.changed, nothing, ' +
        'but is a string of 12 characters.',
    )
    // @ts-expect-error unknown event, although every object has this property
    await expect(invalidator.emit('toString')).rejects.toThrow(InvalidOptionError)
    // @ts-expect-error the id is a number
    await invalidator.emit('user.deleted', '42')
    await invalidator.emit('nothing')
  })

  it('rejects if a rule throws or does not return actions, and sends nothing', async () => {
    const { client, bus, sent } = await make()
    const wrong = createInvalidator({
      client,
      bus,
      rules: {
        nothing: (() => undefined) as unknown as () => [],
        text: (() => ['user:42']) as unknown as () => [],
        throws: () => {
          throw new Error('from the rule')
        },
        key: () => [setRemove('s', 1), drop(['a', ''])],
      },
    })
    await expect(wrong.emit('nothing')).rejects.toThrow('"rules.nothing"')
    await expect(wrong.emit('text')).rejects.toThrow('"rules.text"')
    await expect(wrong.emit('throws')).rejects.toThrow('from the rule')
    await expect(wrong.emit('key')).rejects.toThrow('must not be empty')
    expect(sent).toEqual([])
  })

  it('reports failed actions, and runs all others', async () => {
    const { client, invalidator } = await make()
    await client.send({ args: ['SET', 'shop:recent_users', 'a text'], keys: ['shop:recent_users'] })
    await client.entries.put('shop:user:42', format, 'x', write)
    const error = (await invalidator
      .emit('user.deleted', 42)
      .catch((failure: unknown) => failure)) as InvalidatorError
    expect(error).toBeInstanceOf(InvalidatorError)
    expect(error.errors).toHaveLength(1)
    expect(error.message).toMatch(/^1 of 9 actions of "user.deleted" failed: .*WRONGTYPE/)
    expect(await client.entries.read('shop:user:42', format)).toBeUndefined()
  })
})

it('rejects while Redis is down, and asks to emit the event again', async () => {
  const server = await startRedis()
  const redis = new Redis(server.url, { retryStrategy: () => 50 })
  redis.on('error', () => undefined)
  const client = createCacheClient(ioredisDriver(redis))
  const bus = createInvalidationBus({ client })
  await vi.waitFor(() => bus.ready(), { timeout: 10_000 })
  const near = withNearCache(client, { bus })
  const users = createAside<string>({ client: near, prefix: 'user', ttl: '1h' })
  await users.getOrLoad(42, () => 'old')
  const invalidator = createInvalidator({ client, bus, rules })
  await server.kill()
  await expect(invalidator.emit('user.deleted', 42)).rejects.toThrow('Emit the event again')
  expect(near.near.stats().entries).toBe(0)
  await server.restart()
  await vi.waitFor(() => invalidator.emit('user.deleted', 42), 10_000)
  await bus.close()
  await client.close()
  redis.disconnect()
  await server.stop()
})
