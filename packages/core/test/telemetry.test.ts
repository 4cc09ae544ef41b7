import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { ioredisDriver } from '../src/drivers/ioredis/driver.js'
import {
  channels,
  createCacheClient,
  type CacheClient,
  type LoadPolicyOptions,
  type Messages,
} from '../src/index.js'
import {
  LoadPolicy,
  ReadPath,
  readOptions,
  createFormat,
  createToken,
  loadPolicyOptions,
  emit,
} from '../src/internal.js'

type Told = {
  readonly [Name in keyof Messages]: { readonly on: Name } & Messages[Name]
}[keyof Messages]

const names = Object.keys(channels) as (keyof Messages)[]

describe('channels', () => {
  it('are channels of node:diagnostics_channel with stable names', () => {
    expect(names.sort()).toEqual([
      'error',
      'fill',
      'flush',
      'hit',
      'invalidate',
      'load',
      'lock',
      'miss',
      'ratelimit',
    ])
    for (const name of names) expect(channels[name]).toBe(channel(`cache:${name}`))
  })
})

describe('tell', () => {
  it('makes no message while nobody listens', () => {
    const make = vi.fn(() => ({ prefix: 'p', key: 'k' }))
    const listener = vi.fn()
    emit(channels.miss, make)
    expect(make).not.toHaveBeenCalled()
    subscribe('cache:miss', listener)
    emit(channels.miss, make)
    unsubscribe('cache:miss', listener)
    emit(channels.miss, make)
    expect(make).toHaveBeenCalledTimes(1)
    expect(listener.mock.calls).toEqual([[{ prefix: 'p', key: 'k' }, 'cache:miss']])
  })
})

describe('a read reports', () => {
  let server: RedisServer
  let redis: Redis
  let client: CacheClient
  let told: Told[]
  const listeners = names.map((name) => ({
    name: `cache:${name}`,
    listen: (message: unknown) => {
      told.push({ on: name, ...(message as Messages['hit']) } as Told)
    },
  }))

  beforeAll(async () => {
    server = await startRedis()
    redis = new Redis(server.url)
    client = createCacheClient(ioredisDriver(redis), {
      namespace: 'shop',
      resilience: { readTimeout: '10s', writeTimeout: '10s' },
    })
  })
  afterAll(async () => {
    await client.close()
    redis.disconnect()
    await server.stop()
  })
  beforeEach(async () => {
    await server.flush()
    told = []
    for (const { name, listen } of listeners) subscribe(name, listen)
  })
  afterEach(() => {
    for (const { name, listen } of listeners) unsubscribe(name, listen)
  })

  const key = 'shop:product:1'
  const pathOf = (options: Partial<LoadPolicyOptions<unknown>> = {}): ReadPath<unknown> => {
    const all = { ttl: '1h' as const, ...options }
    return new ReadPath(
      client,
      'product',
      new LoadPolicy(readOptions('test', loadPolicyOptions, all)),
    )
  }

  it('a miss, its load and its fill, then hits', async () => {
    const path = pathOf()
    await path.get(key, () => 5)
    expect(told).toEqual([
      { on: 'miss', prefix: 'product', key },
      { on: 'load', prefix: 'product', key, ms: expect.any(Number) as number, background: false },
      { on: 'fill', prefix: 'product', key, stored: true },
    ])
    expect((told[1] as Messages['load']).ms).toBeGreaterThanOrEqual(0)
    told.length = 0
    await path.get(key, () => 6)
    await path.getMany([key], async () => [6])
    expect(told).toEqual([
      { on: 'hit', prefix: 'product', key, stale: false, layer: 'redis' },
      { on: 'hit', prefix: 'product', key, stale: false, layer: 'redis' },
    ])
  })

  it('a loader that throws, with its error', async () => {
    const broken = new Error('no such table')
    await expect(
      pathOf().get(key, () => {
        throw broken
      }),
    ).rejects.toBe(broken)
    expect(told).toEqual([
      { on: 'miss', prefix: 'product', key },
      {
        on: 'load',
        prefix: 'product',
        key,
        ms: expect.any(Number) as number,
        background: false,
        error: broken,
      },
    ])
  })

  it('a fill that lost its lease to an invalidation', async () => {
    await pathOf().get(key, async () => {
      await client.entries.invalidate([key])
      return 5
    })
    expect(told.map(({ on }) => on)).toEqual(['miss', 'invalidate', 'load', 'fill'])
    expect(told[1]).toEqual({ on: 'invalidate', keys: [key] })
    expect(told[3]).toEqual({ on: 'fill', prefix: 'product', key, stored: false })
  })

  it('an invalidation, once it is acknowledged, for all of its keys', async () => {
    const pending = client.entries.invalidate(['shop:a', 'shop:b'])
    await Promise.resolve()
    expect(told).toEqual([])
    await pending
    expect(told).toEqual([{ on: 'invalidate', keys: ['shop:a', 'shop:b'] }])
  })

  it('a stale hit, and the background load', async () => {
    const path = pathOf({ ttl: 1, staleWhileRevalidate: '1h' })
    await path.get(key, () => 5)
    await vi.waitFor(async () => expect(await redis.pttl(key)).toBeLessThan(3_600_000), {
      timeout: 10_000,
    })
    told.length = 0
    expect(await path.get(key, () => 6)).toBe(5)
    await vi.waitFor(() => expect(told.some(({ on }) => on === 'fill')).toBe(true), {
      timeout: 10_000,
    })
    expect(told).toEqual([
      { on: 'hit', prefix: 'product', key, stale: true, layer: 'redis' },
      { on: 'load', prefix: 'product', key, ms: expect.any(Number) as number, background: true },
      { on: 'fill', prefix: 'product', key, stored: true },
    ])
  })

  it.each([
    ['codec', '{"id":'],
    ['frame', '\x01\xff'],
    ['schema', '{"id":"1"}'],
    ['size', `{"id":1${' '.repeat(200)}}`],
  ] as const)('an entry that can’t be decoded: %s', async (reason, garbage) => {
    const path = pathOf({ schema: z.object({ id: z.number() }), maxValueBytes: 100 })
    await redis.set(key, garbage)
    await path.get(key, () => ({ id: 1 }))
    const errors = told.filter(({ on }) => on === 'error')
    expect(errors[0]).toMatchObject({
      operation: 'decode',
      key,
      reason,
      error: { name: 'CodecError', key },
    })
    expect(told.filter(({ on }) => on === 'miss')).toEqual([{ on: 'miss', prefix: 'product', key }])
    expect(told.at(-1)).toEqual({ on: 'fill', prefix: 'product', key, stored: true })
  })

  it('an entry of another type, which is replaced', async () => {
    await redis.rpush(key, 'of another type')
    expect(await pathOf().get(key, () => 5)).toBe(5)
    expect(told).toContainEqual({
      on: 'error',
      operation: 'entry lease',
      key,
      error: expect.objectContaining({ code: 'FOREIGN_VALUE' }) as unknown,
    })
    expect(told.map(({ on }) => on)).toEqual(['miss', 'error', 'load', 'fill'])
  })

  it('each of many callers that join one load', async () => {
    const path = pathOf()
    await Promise.all(Array.from({ length: 10 }, () => path.get(key, () => 5)))
    const count = (name: string): number => told.filter(({ on }) => on === name).length
    expect([count('miss'), count('load'), count('fill')]).toEqual([10, 1, 1])
  })

  it('nothing if entries are read, leased and filled directly', async () => {
    const format = createFormat<number>()
    const token = createToken()
    await client.entries.read(key, format)
    await client.entries.lease(key, format, { token, ttl: 1_000 })
    await client.entries.fill(key, format, token, 1, { ttl: 1_000 })
    await client.entries.read(key, format)
    expect(told).toEqual([])
  })
})
