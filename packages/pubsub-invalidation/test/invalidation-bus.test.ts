import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  InvalidKeyError,
  InvalidOptionError,
  channels,
  createCacheClient,
  type CacheClient,
} from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type Stage } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  createInvalidationBus,
  type Invalidated,
  type Invalidation,
  type InvalidationBus,
} from '../src/index.js'
import { cases } from './cases.js'

describe.each(cases)('on $name', ({ start, topology }) => {
  let stage: Stage<CacheClient>
  const cleanup: (() => unknown)[] = []
  let channel = ''
  let tests = 0
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(() => void (channel = `bus:${++tests}`))
  afterEach(async () => {
    for (const close of cleanup.splice(0).reverse()) await close()
  })

  async function open(): Promise<{
    client: CacheClient
    bus: InvalidationBus
    received: Invalidated[]
  }> {
    const client = stage.driver()
    const bus = createInvalidationBus({ client, channel })
    const received: Invalidated[] = []
    bus.on('invalidate', (message) => received.push(message))
    await bus.ready()
    cleanup.push(
      () => client.close(),
      () => bus.close(),
    )
    return { client, bus, received }
  }

  const names = (messages: readonly Invalidated[]) =>
    messages.map(({ keys, prefixes, groups }) => ({ keys, prefixes, groups }))

  it('is a part of the health of its client until it is closed', async () => {
    const { client, bus } = await open()
    await bus.publish({ keys: ['product:1'] })
    await vi.waitFor(
      async () =>
        expect((await client.health()).parts).toMatchObject([
          { name: `bus shop:${channel}`, healthy: true, details: { published: 1, gaps: 0 } },
        ]),
      5_000,
    )
    await bus.close()
    expect((await client.health()).parts).toEqual([])
  })

  it('is a part of the health while it listens, also if nobody refers to it', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const client = stage.driver()
    cleanup.push(() => client.close())
    await createInvalidationBus({ client, channel }).ready()
    for (let i = 0; i < 3; i++) {
      await sleep(20)
      collect()
    }
    expect((await client.health()).parts).toMatchObject([{ name: `bus shop:${channel}` }])
  })

  it('sends keys, prefixes and groups to all processes, by their names in Redis', async () => {
    const [a, b] = [await open(), await open()]
    await a.bus.publish({
      keys: [['product', 42], 'product:43', 'shop:product:44', ['user', 'a:b']],
    })
    await a.bus.publish({ prefix: 'product:' })
    await a.bus.publish({ groups: ['category:7', 'é"\n'] })
    const expected = [
      {
        keys: ['shop:product:42', 'shop:product:43', 'shop:product:44', 'shop:user:a%3Ab'],
        prefixes: [],
        groups: [],
      },
      { keys: [], prefixes: ['shop:product:'], groups: [] },
      { keys: [], prefixes: [], groups: ['category:7', 'é"\n'] },
    ]
    expect(names(a.received)).toEqual(expected)
    await vi.waitFor(() => expect(names(b.received)).toEqual(expected), 5_000)
  })

  it('calls its own listeners once, before the publish is acknowledged', async () => {
    const [a, b] = [await open(), await open()]
    await a.bus.publish({ keys: ['k'] })
    expect(a.received).toHaveLength(1)
    await b.bus.publish({ keys: ['end'] })
    await vi.waitFor(() => expect(a.received.at(-1)!.keys).toEqual(['shop:end']), 5_000)
    expect(a.received).toHaveLength(2)
    expect(a.bus.stats()).toMatchObject({ published: 1, own: 1, unreadable: 0, gaps: 0 })
  })

  it('sends what is published in one tick as one message, without duplicates', async () => {
    const [a, b] = [await open(), await open()]
    const publish = (i: number): Promise<void> =>
      a.bus.publish({ keys: [`k:${i % 10}`], groups: [`g:${i % 3}`], prefix: 'p:' })
    await Promise.all(Array.from({ length: 100 }, (_, i) => publish(i)))
    await vi.waitFor(() => expect(b.received).toHaveLength(1), 5_000)
    expect(names(b.received)).toEqual([
      {
        keys: Array.from({ length: 10 }, (_, i) => `shop:k:${i}`),
        prefixes: ['shop:p:'],
        groups: ['g:0', 'g:1', 'g:2'],
      },
    ])
    expect(a.bus.stats().published).toBe(1)
    await publish(0)
    await vi.waitFor(() => expect(b.received).toHaveLength(2), 5_000)
  })

  it.each([
    ['long keys', (i: number) => ({ keys: [`${i}:${'x'.repeat(4_000)}`] })],
    [
      'names that are long when they are escaped',
      (i: number) => ({ groups: [`${i}:${'\u0001'.repeat(4_000)}`] }),
    ],
    [
      'many short names',
      (i: number) => ({ groups: Array.from({ length: 400 }, (_, j) => `${i * 400 + j}`) }),
    ],
  ] as const)(
    'no message exceeds the maximum size: %s',
    async (_, invalidation: (i: number) => Invalidation) => {
      const [a, b] = [await open(), await open()]
      let longest = 0
      const subscription = await b.client.driver.subscribe([`shop:${channel}`], {
        message: (_, payload) => {
          longest = Math.max(longest, payload.length)
        },
        gap: () => undefined,
        live: () => undefined,
      })
      const all = Array.from({ length: 60 }, (_, i) => invalidation(i))
      await Promise.all(all.map((each) => a.bus.publish(each)))
      const sent = names(a.received).flatMap(({ keys, groups }) => [...keys, ...groups])
      expect(new Set(sent).size).toBe(
        all.flatMap(({ keys = [], groups = [] }) => [...keys, ...groups]).length,
      )
      await vi.waitFor(
        () =>
          expect(
            new Set(names(b.received).flatMap(({ keys, groups }) => [...keys, ...groups])),
          ).toEqual(new Set(sent)),
        5_000,
      )
      await vi.waitFor(() => expect(longest).toBeGreaterThan(0), 5_000)
      expect(longest).toBeLessThan(70_000)
      expect(b.bus.stats().unreadable).toBe(0)
      await subscription.close()
    },
  )

  it('counts, reports on cache:error and drops an unreadable message', async () => {
    const { client, bus, received } = await open()
    const errors: unknown[] = []
    const onError = (error: unknown) => errors.push(error)
    channels.error.subscribe(onError)
    const publish = (text: string) =>
      client.send({ args: ['PUBLISH', `shop:${channel}`, text], keys: [] })
    const garbage = [
      '',
      '{',
      '5',
      '[]',
      'null',
      '{}',
      '{"v":"1"}',
      '{"v":1,"keys":"k"}',
      '{"v":1,"groups":[null]}',
      '{"v":1,"from":5}',
      'x'.repeat(300_000),
      JSON.stringify({ v: 1, keys: ['x'.repeat(300_000)] }),
    ]
    for (const text of garbage) await publish(text)
    await vi.waitFor(
      () => expect(bus.stats().unreadable).toBeGreaterThanOrEqual(garbage.length),
      5_000,
    )
    channels.error.unsubscribe(onError)
    expect(errors.length).toBeGreaterThanOrEqual(garbage.length)
    expect(received).toEqual([])
    await publish('{"v":2,"whatever":1}')
    await vi.waitFor(
      () => expect(names(received)[0]).toEqual({ keys: [], prefixes: [''], groups: [] }),
      5_000,
    )
  })

  it('receives messages from any program, also the same message again', async () => {
    const { client, received } = await open()
    for (let i = 1; i <= 3; i++) {
      await client.send({
        args: ['PUBLISH', `shop:${channel}`, '{"v":1,"keys":["shop:k"],"more":"ignored"}'],
        keys: [],
      })
      await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(i), 5_000)
    }
    expect(new Set(received.flatMap(({ keys }) => keys))).toEqual(new Set(['shop:k']))
  })

  it('calls all listeners if one throws, and none that was removed', async () => {
    const { bus, received } = await open()
    bus.on('invalidate', () => {
      throw new Error('from the listener')
    })
    const later: Invalidated[] = []
    const remove = bus.on('invalidate', (message) => later.push(message))
    await bus.publish({ groups: ['a'] })
    remove()
    await bus.publish({ groups: ['b'] })
    expect([received.length, later.length]).toEqual([2, 1])
  })

  it.each([
    [undefined],
    [{}],
    [{ keys: [] }],
    [{ keys: 'k' }],
    [{ keys: [5] }],
    [{ groups: [''] }],
    [{ groups: 'g' }],
    [{ prefix: 7 }],
    [{ prefixes: ['p'] }],
    [{ groups: ['g'.repeat(10_000)] }],
    [{ prefix: 'p'.repeat(10_000) }],
  ])('refuses to publish %j, and sends nothing', async (invalidation) => {
    const { bus } = await open()
    await expect(bus.publish(invalidation as never)).rejects.toThrow(InvalidOptionError)
    expect(bus.stats().published).toBe(0)
  })

  it('refuses invalid keys, unknown events, and listeners that are not functions', async () => {
    const { bus } = await open()
    for (const keys of [['a}b'], [['a', '']], ['a\u0000'], ['k'.repeat(10_000)], [[]]])
      await expect(bus.publish({ keys })).rejects.toThrow(InvalidKeyError)
    expect(() => bus.on('message' as 'gap', () => undefined)).toThrow(InvalidOptionError)
    expect(() => bus.on('gap', undefined as never)).toThrow(InvalidOptionError)
  })

  // It asks servers for their connections.
  it.skipIf(topology === 'memory')(
    'ends its connections when it is closed, and reports a gap to near caches',
    async () => {
      const { client, bus, received } = await open()
      const servers = stage.primaries
      const listening = async () =>
        (
          await Promise.all(
            servers.map(async (server) =>
              Number((await server.cli('PUBSUB', 'NUMSUB', `shop:${channel}`)).split(/\s+/)[1]),
            ),
          )
        ).reduce((a, b) => a + b)
      expect(await listening()).toBe(servers.length)
      const gap = vi.fn()
      bus.on('gap', gap)
      await bus.close()
      expect(gap).toHaveBeenCalledOnce()
      expect(bus.live).toBe(false)
      await vi.waitFor(async () => expect(await listening()).toBe(0), 5_000)
      await client.send({ args: ['PUBLISH', `shop:${channel}`, '{"v":1,"keys":["k"]}'], keys: [] })
      expect(received).toEqual([])
      await bus.close()
      expect(gap).toHaveBeenCalledOnce()
    },
  )
})

it('a bus that is created while Redis is down listens when Redis is back', async () => {
  const server = await startRedis()
  await server.kill()
  const redis = new Redis(server.url, { retryStrategy: () => 50 })
  redis.on('error', () => undefined)
  const client = createCacheClient(ioredisDriver(redis))
  const bus = createInvalidationBus({ client })
  await expect(bus.ready()).rejects.toThrow('Check that Redis is up')
  await expect(bus.publish({ groups: ['a'] })).rejects.toThrow()
  await server.restart()
  await vi.waitFor(() => bus.ready(), 10_000)
  await vi.waitFor(() => expect(bus.live).toBe(true), 10_000)
  await bus.publish({ groups: ['a'] })
  expect(bus.stats()).toMatchObject({ published: 1, gaps: 0 })
  await bus.close()
  await client.close()
  redis.disconnect()
  await server.stop()
})
