import { createAside } from '@cache/aside'
import { channels, createCacheClient, json, v8, type Codec } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createInvalidationBus, withNearCache, type NearCacheOptions } from '../src/index.js'

/** So long that a busy machine does not miss a heartbeat. */
const LONG_HEARTBEAT = '30s'

describe('values with several readers', () => {
  let server: RedisServer
  let redis: Redis
  const cleanup: (() => unknown)[] = []
  beforeAll(async () => {
    server = await startRedis()
    redis = new Redis(server.url)
  })
  afterAll(async () => {
    redis.disconnect()
    await server.stop()
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    for (const close of cleanup.splice(0).reverse()) await close()
    await server.flush()
  })

  /** Caches a value in a near cache. */
  async function cached(
    value: unknown,
    options: Partial<NearCacheOptions> = {},
    codec: Codec<any> = v8,
  ) {
    const client = createCacheClient(ioredisDriver(redis))
    const bus = createInvalidationBus({ client, heartbeat: LONG_HEARTBEAT })
    await bus.ready()
    const near = withNearCache(client, { bus, ...options })
    cleanup.push(
      () => client.close(),
      () => bus.close(),
    )
    const cache = createAside<any>({ client: near, prefix: 'value', ttl: '1h', codec })
    await createAside<any>({ client, prefix: 'value', ttl: '1h', codec }).set(1, value)
    await cache.peek(1)
    const read = () => cache.peek(1)
    return { read, stats: () => near.near.stats() }
  }

  it.each(['production', 'development'])(
    'in %s, a reader can’t change a value that others read',
    async (environment) => {
      vi.stubEnv('NODE_ENV', environment)
      const { read, stats } = await cached({ price: 1, tags: ['a', { deep: [1] }] })
      const value = await read()
      for (const change of [
        () => {
          value.price = 2
        },
        () => value.tags.push('b'),
        () => {
          value.tags[1].deep[0] = 2
        },
      ])
        expect(change).toThrow(TypeError)
      expect(await read()).toEqual({ price: 1, tags: ['a', { deep: [1] }] })
      expect(stats().hits).toBe(2)
    },
  )

  it('an array of 150 000 objects can be cached', async () => {
    const array = await cached(Array.from({ length: 150_000 }, (_, id) => ({ id })))
    const value = await array.read()
    expect(value).toHaveLength(150_000)
    expect(() => {
      value[149_999].id = 0
    }).toThrow(TypeError)
    expect(array.stats().hits).toBe(1)
  })

  it('each reader gets a copy of a Map, a Set, a Date and bytes', async () => {
    const { read, stats } = await cached({
      map: new Map([['a', { n: 1 }]]),
      set: new Set([1]),
      date: new Date(0),
      bytes: new Uint8Array([1, 2]),
      view: new Float64Array([1]),
    })
    const value = await read()
    value.map.get('a').n = 2
    value.map.set('b', {})
    value.set.add(2)
    value.date.setTime(5)
    value.bytes[0] = 9
    value.view[0] = 9
    expect(await read()).toEqual({
      map: new Map([['a', { n: 1 }]]),
      set: new Set([1]),
      date: new Date(0),
      bytes: new Uint8Array([1, 2]),
      view: new Float64Array([1]),
    })
    expect(stats().hits).toBe(2)
  })

  it('each reader gets a copy of a RegExp, a URL and an error beside them', async () => {
    const failed = (): Error =>
      Object.assign(new TypeError('failed', { cause: new Error('why') }), { code: 'E' })
    const { read, stats } = await cached(
      {
        pattern: /a/g,
        url: new URL('https://example.com/'),
        bytes: Buffer.from('x'),
        error: failed(),
      },
      {},
      json,
    )
    const value = await read()
    expect(value.pattern.test('a')).toBe(true)
    value.url.pathname = '/changed'
    value.bytes[0] = 0
    value.error.code = 'changed'
    const again = await read()
    expect([again.pattern.lastIndex, again.url.href]).toEqual([0, 'https://example.com/'])
    expect(again.bytes).toEqual(Buffer.from('x'))
    expect(again.error).toBeInstanceOf(TypeError)
    expect(again.error).toMatchObject({ ...failed(), message: 'failed', cause: new Error('why') })
    expect(stats().hits).toBe(2)
  })

  it('freezes an error that nothing else makes a copy of', async () => {
    const { read, stats } = await cached({ error: new Error('failed', { cause: [1] }) }, {}, json)
    const value = await read()
    expect(() => value.error.cause.push(2)).toThrow(TypeError)
    expect(() => {
      value.error.message = 'changed'
    }).toThrow(TypeError)
    expect((await read()).error).toBe(value.error)
    expect(stats().hits).toBe(2)
  })

  it('freezes cyclic values, and values that a codec has frozen shallowly', async () => {
    const cyclic: { self?: unknown; list: number[] } = { list: [1] }
    cyclic.self = cyclic
    const { read } = await cached(cyclic)
    const value = await read()
    expect(value.self).toBe(value)
    expect(() => value.list.push(2)).toThrow(TypeError)
    const shallow: Codec<any> = {
      ...v8,
      decode: (bytes, context) => Object.freeze(v8.decode(bytes, context)),
    }
    const frozen = await cached({ inner: { n: 1 } }, {}, shallow)
    const again = await frozen.read()
    expect(() => {
      again.inner.n = 2
    }).toThrow(TypeError)
  })

  it('freezes instances of classes, but does not cache them beside a Date', async () => {
    class Money {
      constructor(public amount: number) {}
    }
    const withClass: Codec<any> = {
      ...v8,
      decode: (bytes, context) => ({
        ...(v8.decode(bytes, context) as object),
        price: new Money(5),
      }),
    }
    const value = await (await cached({ id: 1 }, {}, withClass)).read()
    expect(value.price).toBeInstanceOf(Money)
    expect(() => {
      value.price.amount = 6
    }).toThrow(TypeError)
    const errors: unknown[] = []
    const onError = (error: unknown) => errors.push(error)
    channels.error.subscribe(onError)
    const { stats, read } = await cached({ at: new Date(0) }, {}, withClass)
    expect((await read()).price).toBeInstanceOf(Money)
    channels.error.unsubscribe(onError)
    expect(stats()).toMatchObject({ entries: 0, hits: 0 })
    expect(errors[0]).toMatchObject({ operation: 'keep near' })
  })

  it.each([{}, { clone: true }])(
    'a Buffer stays a Buffer in the copy of each reader, with %j',
    async (options) => {
      const raw: Codec<Buffer> = {
        name: 'raw',
        encode: (value) => value,
        decode: (payload) => Buffer.from(payload),
      }
      const { read, stats } = await cached(Buffer.from('abc'), options, raw)
      ;(await read())[0] = 0
      expect((await read()).toString()).toBe('abc')
      const inner = await cached(new Map([['bytes', [Buffer.from('abc')]]]), options)
      const [bytes] = (await inner.read()).get('bytes')
      bytes[0] = 0
      expect(String((await inner.read()).get('bytes')[0])).toBe('abc')
      expect([stats().hits, inner.stats().hits]).toEqual([2, 2])
    },
  )

  it('with clone, does not cache an instance of a class, which a copy would lose', async () => {
    class Money {
      constructor(readonly amount: number) {}
    }
    const withClass: Codec<any> = {
      ...v8,
      decode: (bytes, context) => new Money(v8.decode(bytes, context) as number),
    }
    const errors: unknown[] = []
    const onError = (error: unknown) => errors.push(error)
    channels.error.subscribe(onError)
    const { read, stats } = await cached(5, { clone: true }, withClass)
    for (let i = 0; i < 2; i++) expect(await read()).toBeInstanceOf(Money)
    channels.error.unsubscribe(onError)
    expect(stats().hits).toBe(0)
    expect(errors[0]).toMatchObject({ operation: 'keep near' })
  })

  it('many near caches on one bus all receive messages, without a warning of Node.js', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const client = createCacheClient(ioredisDriver(redis))
    const bus = createInvalidationBus({ client })
    await bus.ready()
    const all = Array.from({ length: 20 }, () => withNearCache(client, { bus }))
    for (const near of all)
      await createAside<number>({ client: near, prefix: 'many', ttl: '1h' }).getOrLoad(1, () => 1)
    await bus.publish({ prefix: 'many' })
    expect(all.map(({ near }) => near.stats().entries)).toEqual(all.map(() => 0))
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
    for (const near of all) await near.close()
    await bus.close()
    await client.close()
  })
})
