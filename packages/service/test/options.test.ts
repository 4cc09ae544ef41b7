import { createCacheClient, InvalidOptionError, v8, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createInvalidationBus, type InvalidationBus } from '@cache/pubsub-invalidation'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCacheService, type CacheServiceOptions } from '../src/index.js'

let server: RedisServer
let redis: Redis
let client: CacheClient
let bus: InvalidationBus
beforeAll(async () => {
  server = await startRedis()
  redis = new Redis(server.url)
  client = createCacheClient(ioredisDriver(redis), { namespace: 'shop' })
  bus = createInvalidationBus({ client })
  await bus.ready()
})
afterAll(async () => {
  await bus.close()
  await client.close()
  redis.disconnect()
  await server.stop()
})

const wrong = async (call: () => unknown): Promise<unknown> => {
  try {
    return await call()
  } catch (error) {
    return error
  }
}

describe('createCacheService', () => {
  it.each<[string, Record<string, unknown>, string?]>([
    ['no client', { client: undefined }, 'client'],
    ['another client', { client: {} }, 'client'],
    ['an unknown option', { tll: '1h' }, 'tll'],
    ['a ttl', { ttl: 0 }, 'ttl'],
    ['a ttl that is null', { ttl: null }, 'ttl'],
    ['a ttl by value', { ttl: () => 1 }, 'ttl'],
    ['an intentTtl', { intentTtl: '5' }, 'intentTtl'],
    ['a near cache that is none', { near: null }, 'near'],
    ['a near cache with a bus of its own', { near: { bus: {} } }, 'near.bus'],
    ['a bus', { bus: null }, 'bus'],
    ['another bus', { bus: {} }, 'bus'],
    ['a near cache without a bus', { near: {} }, 'near'],
    ['a schema for all values', { schema: {} }, 'schema'],
    ['a version of all values', { version: () => 1 }, 'version'],
    ['a jitter', { jitter: 2 }, 'jitter'],
    ['a stampede', { stampede: 'x' }, 'stampede'],
  ])('refuses %s', (_, options, name) => {
    const make = () => createCacheService({ client, ...options } as CacheServiceOptions)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(new RegExp(`\\b${name}\\b`))
  })

  it.each([undefined, null, 1, [], 'shop'])('refuses %o instead of options', (options) => {
    expect(() => createCacheService(options as never)).toThrow(
      /"createCacheService" must be an object/,
    )
  })

  it('refuses a bus whose messages are about another namespace', async () => {
    await using other = createCacheClient(ioredisDriver(redis), { namespace: 'events' })
    await using elsewhere = createInvalidationBus({ client: other })
    expect(() => createCacheService({ client, bus: elsewhere })).toThrow(/\bbus\b.*"shop"/)
  })

  it('refuses what the near cache refuses', () => {
    expect(() => createCacheService({ client, bus, near: { maxEntries: 0 } })).toThrow(
      '"near.maxEntries"',
    )
    for (const [name, value] of Object.entries({
      maxBytes: 0,
      ttl: '1 apple',
      clone: 1,
      freeze: 'no',
      groups: [],
    })) {
      expect(() => createCacheService({ client, bus, near: { [name]: value } as never })).toThrow(
        `"near.${name}"`,
      )
    }
    expect(() => createCacheService({ client, bus, near: { size: 1 } as never })).toThrow(
      '"near.size"',
    )
  })
})

describe('a call', () => {
  it('with a wrong option is refused by name, and nothing is sent', async () => {
    await using plain = createCacheService({ client })
    await using cache = createCacheService({ client, bus })
    await using binary = createCacheService({ client, codec: v8 })
    await cache.set('k', 'kept')
    const before = await redis.info('commandstats')
    for (const [name, call] of Object.entries<() => unknown>({
      rebuild: () => cache.get('k', 'x' as never),
      ttl: () => cache.get('none', () => 1, { ttl: '5 apples' as never }),
      'ttl of set': () => cache.set('k', 1, { ttl: -1 }),
      value: () => cache.set('k', undefined),
      broadcast: () => plain.invalidate('k', { broadcast: true }),
      'broadcast of all': () => plain.bulkInvalidate('k*', { broadcast: true }),
      'broadcast: false': () => cache.invalidate('k', { broadcast: false }),
      'broadcast: false, of all': () => cache.bulkInvalidate('k*', { broadcast: false }),
      pattern: () => cache.bulkInvalidate(7 as never),
      'pattern of nothing': () => cache.bulkInvalidate(undefined as never),
      'pattern of all': () => cache.bulkInvalidate('*'),
      'pattern that begins with a wildcard': () => cache.bulkInvalidate('[ab]*'),
      count: () => cache.bulkInvalidate('k*', { count: 0 }),
      onProgress: () => cache.bulkInvalidate('k*', { onProgress: 1 as never }),
      signal: () => cache.bulkInvalidate('k*', { signal: {} as never }),
      limit: () => cache.bulkInvalidate('k*', { limit: 1 } as never),
      'broadcast that is a text': () => cache.invalidate('k', { broadcast: 'yes' as never }),
      tll: () => cache.get('k', () => 1, { tll: '1h' } as never),
      'bulkInvalidate: null': () => cache.bulkInvalidate('k*', null as never),
      'set: null': () => cache.set('k', 1, null as never),
      codec: () => binary.increment('n'),
      keys: () => cache.mutate('k' as never, () => 1),
      'keys that are none': () => cache.mutate([], () => 1),
      change: () => cache.mutate(['k'], 'x' as never),
      amount: () => cache.increment('k', 0.5),
      'amount that is a text': () => cache.increment('k', '1' as never),
      'amount that is huge': () => cache.increment('k', 2 ** 53),
      'ttl of increment': () => cache.increment('none', 1, { ttl: NaN }),
      load: () => cache.remember({ prefix: 'x' } as never),
      prefix: () => cache.remember({ load: () => 1 } as never),
      'prefix of locks': () => cache.remember({ prefix: 'lock', load: () => 1 }),
      'prefix within that of locks': () => cache.remember({ prefix: 'lock:x', load: () => 1 }),
      limits: () => cache.limiter({ prefix: 'x' } as never),
      remember: () => cache.remember(undefined as never),
      'remember: a text': () => cache.remember('x' as never),
      'client of remember': () => cache.remember({ client, prefix: 'x', load: () => 1 } as never),
      limiter: () => cache.limiter(undefined as never),
      'limiter: a text': () => cache.limiter('x' as never),
      'client of limiter': () => cache.limiter({ client, prefix: 'x', limits: [] } as never),
    })) {
      const error = await wrong(call)
      expect(error, name).toBeInstanceOf(InvalidOptionError)
      expect((error as Error).message, name).toContain(name.split(/[ :]/)[0])
    }
    expect(counted(await redis.info('commandstats'))).toEqual(counted(before))
    expect(await cache.get('k')).toBe('kept')
  })

  /** How often each command ran, but for those that connections ask to be alive. */
  function counted(info: string): string[] {
    return info
      .split('\n')
      .filter((line) => !/cmdstat_(info|ping)/.test(line))
      .map((line) => line.split(',')[0]!)
  }
})

it('bulkInvalidate keeps locks without a namespace too', async () => {
  await using own = await startRedis()
  const connection = new Redis(own.url)
  await using bare = createCacheClient(ioredisDriver(connection))
  await using cache = createCacheService({ client: bare })
  const lock = await cache.locks.acquire('x')
  const keys = async () => (await connection.keys('*')).sort()
  const before = await keys()
  expect(before).toEqual(['lock:x', 'lock:{lock:x}:fence'])
  for (const pattern of ['l*', 'lock:*', '{*']) expect(await cache.bulkInvalidate(pattern)).toBe(0)
  expect(await keys()).toEqual(before)
  await lock.release()
  connection.disconnect()
})

describe('close', () => {
  it('releases the locks, and leaves the client and the bus open', async () => {
    const cache = createCacheService({ client, bus })
    const lock = await cache.locks.acquire('k')
    await cache.close()
    await cache.close()
    await expect(cache.locks.acquire('k')).rejects.toMatchObject({ code: 'CLOSED' })
    expect(lock.signal.aborted).toBe(true)
    await using next = createCacheService({ client, bus })
    expect(await next.locks.tryAcquire('k')).not.toBe(null)
    expect(bus.live).toBe(true)
    expect(await next.get('x', () => 1)).toBe(1)
  })

  it('is followed by reads and writes as before, from Redis', async () => {
    const cache = createCacheService({ client, bus })
    await cache.set('k', 1)
    await cache.close()
    expect(await cache.get('k')).toBe(1)
    await redis.set('shop:k', '2')
    expect(await cache.get('k')).toBe(2)
  })
})
