import { once } from 'node:events'
import type { CacheClient, Driver } from '@cache/core'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { loadCopies, type Copy, type CopyName } from './copies/load-copies.js'

let copies: Readonly<Record<CopyName, Copy>>
let server: RedisServer
const closing: (() => unknown)[] = []

beforeAll(async () => {
  copies = await loadCopies()
  server = await startRedis()
})
beforeEach(() => server.flush())
afterAll(async () => {
  for (const close of closing.reverse()) await close()
  await server?.stop()
})

it('there are three copies', () => {
  expect(
    new Set(
      [copies.esm, copies.cjs, copies.bundle].map(({ createCacheClient }) => createCacheClient),
    ).size,
  ).toBe(3)
})

describe('instanceof', () => {
  const pairs = (['esm', 'cjs', 'bundle'] as const).flatMap((thrower) =>
    (['esm', 'cjs', 'bundle'] as const).map((checker) => [thrower, checker] as const),
  )

  it.each(pairs)(
    'tells the errors of %s in %s by their classes, and from all others',
    (thrower, checker) => {
      const [thrown, known] = [errorsOf(copies[thrower]), copies[checker]]
      for (const error of thrown) {
        expect(error).toBeInstanceOf(known.CacheError)
        for (const [name, type] of errorClasses(known)) {
          expect(error instanceof type, `${error.name} instanceof ${name}`).toBe(
            name === error.name || name === 'CacheError',
          )
        }
        class Own extends known.CacheError {}
        expect(error instanceof Own).toBe(false)
      }
    },
  )

  it('is as ever for what is no error of ours', () => {
    const { CacheError, ConnectionError } = copies.esm
    for (const value of [
      undefined,
      null,
      1,
      'x',
      {},
      [],
      () => 1,
      new Error('x'),
      Object.create(null),
      { name: 'CacheError', code: 'TIMEOUT' },
    ])
      expect(value instanceof CacheError).toBe(false)
    class Own extends ConnectionError {}
    const own = new Own('gone')
    for (const type of [Own, ConnectionError, copies.cjs.ConnectionError, copies.bundle.CacheError])
      expect(own).toBeInstanceOf(type)
    expect(own).not.toBeInstanceOf(copies.cjs.ServerError)
  })

  it('knows an error of a class that the copy does not have', () => {
    class NewError extends copies.cjs.ConnectionError {
      static override readonly kind: string = 'NewError'
    }
    const error = new NewError('new')
    expect(error.name).toBe('NewError')
    expect(error).toBeInstanceOf(copies.esm.ConnectionError)
    expect(error).not.toBeInstanceOf(copies.esm.CommandTimeoutError)
  })
})

describe.each(['ioredis', 'node-redis'] as const)('on %s', (library) => {
  describe.each([
    ['cjs', 'esm', 'esm'],
    ['esm', 'cjs', 'esm'],
    ['bundle', 'esm', 'cjs'],
    ['esm', 'esm', 'bundle'],
  ] as const)(
    'a driver of %s, a client of %s, the patterns of %s',
    (driverOf, clientOf, patternsOf) => {
      const driverTo = ({ url }: RedisServer): Driver => newDriver(library, copies[driverOf], url)
      const clientTo = (to: RedisServer, timeout: '5s' | '500ms' = '5s'): CacheClient =>
        copies[clientOf].createCacheClient(driverTo(to), {
          namespace: 'shop',
          resilience: { readTimeout: timeout, writeTimeout: timeout },
        })

      it('all patterns work, and a refusal by Redis is an error', async () => {
        const patterns = create(copies[patternsOf], clientTo(server))
        closing.push(patterns.close)
        expect(await outcomes(patterns)).toEqual({
          aside: 'loaded',
          mutate: 'changed',
          writeThrough: 'stored',
          writeBehind: 'written',
          lock: 'held',
          limiter: 'decided',
          versioned: 'loaded',
          bump: 'bumped',
          hierarchical: 'loaded',
          service: 'rebuilt',
          set: true,
          send: 'PONG',
        })
        await server.cli('ACL', 'SETUSER', 'default', '-eval', '-evalsha')
        try {
          expect(await outcomes(patterns)).toEqual({
            aside: 'loaded',
            mutate: 'CacheUnavailableError',
            writeThrough: 'CacheUnavailableError',
            writeBehind: 'ServerError',
            lock: 'ServerError',
            limiter: 'degraded',
            versioned: 'loaded',
            bump: 'ServerError',
            hierarchical: 'loaded',
            service: 'rebuilt',
            set: 'ServerError',
            send: 'PONG',
          })
        } finally {
          await server.cli('ACL', 'SETUSER', 'default', '+@all')
        }
      })

      it('a value that can not be read is loaded anew', async () => {
        const patterns = create(copies[patternsOf], clientTo(server))
        closing.push(patterns.close)
        await server.cli('SET', 'shop:product:1', '{broken')
        expect(await patterns.aside.getOrLoad(1, () => 'loaded')).toBe('loaded')
      })

      it.skipIf(driverOf === patternsOf)(
        'with Redis down everything settles, as with one copy',
        async () => {
          const mortal = await startRedis()
          const patterns = create(copies[patternsOf], clientTo(mortal, '500ms'))
          closing.push(patterns.close)
          await patterns.client.send({ args: ['PING'], keys: [] }, { timeout: 5_000 })
          await mortal.stop()
          expect(await outcomes(patterns)).toEqual({
            aside: 'loaded',
            mutate: 'CacheUnavailableError',
            writeThrough: 'CacheUnavailableError',
            writeBehind: 'ConnectionError',
            lock: 'LockTimeoutError',
            limiter: 'degraded',
            versioned: 'loaded',
            bump: 'ConnectionError',
            hierarchical: 'loaded',
            service: 'rebuilt',
            set: 'ConnectionError',
            send: 'ConnectionError',
          })
        },
      )
    },
  )

  it.each([
    ['cjs', 'esm'],
    ['esm', 'cjs'],
    ['bundle', 'esm'],
  ] as const)(
    'shards on drivers of %s in a sharded driver of %s tell errors from replies',
    async (driverOf, shardedOf) => {
      const mortal = await startRedis()
      const shards = {
        a: newDriver(library, copies[driverOf], server.url),
        b: newDriver(library, copies[driverOf], mortal.url),
      }
      const driver = copies[shardedOf].shardedDriver({ shards })
      const client = copies[driverOf].createCacheClient(driver, { namespace: 'shop' })
      closing.push(() => client.close())
      const onShard = (shard: string): string =>
        Array.from({ length: 100 }, (_, i) => client.key('k', i)).find(
          (key) => driver.shardOf(key) === shard,
        )!
      const [here, there] = [onShard('a'), onShard('b')]
      await client.send({ args: ['SET', here, '1'], keys: [here] })
      await expect(
        client.send({ args: ['LPUSH', here, '1'], keys: [here] }),
      ).rejects.toBeInstanceOf(copies.esm.ServerError)
      await mortal.stop()
      await expect(client.send({ args: ['GET', there], keys: [there] })).rejects.toBeInstanceOf(
        copies.esm.ConnectionError,
      )
      expect(await client.send({ args: ['GET', here], keys: [here] })).toBe('1')
    },
  )
})

it('a driver that answers with a foreign error fails the call', async () => {
  const { createCacheClient } = copies.esm
  const driver = newDriver('ioredis', copies.esm, server.url)
  const wrapped: Driver = {
    ...driver,
    send: (commands) => commands.map(async () => new RangeError('of another kind') as never),
  }
  const client = createCacheClient(wrapped)
  closing.push(() => client.close())
  await expect(client.send({ args: ['GET', 'a'], keys: ['a'] })).rejects.toThrow(
    expect.objectContaining({
      code: 'DRIVER',
      cause: expect.objectContaining({ name: 'RangeError' }),
    }),
  )
})

function newDriver(library: 'ioredis' | 'node-redis', copy: Copy, url: string): Driver {
  if (library === 'ioredis') {
    const redis = new Redis(url).on('error', () => undefined)
    closing.push(() => redis.disconnect())
    return copy.ioredisDriver(redis)
  }
  const redis = createClient({ url }).on('error', () => undefined)
  const connected = redis.connect().catch(() => undefined)
  closing.push(async () => {
    await Promise.race([connected, once(redis, 'error')])
    redis.destroy()
  })
  return copy.nodeRedisDriver(redis)
}

/** One of each pattern of a copy, on a client of another one. */
function create(copy: Copy, client: CacheClient) {
  const rows = new Map<number, string>()
  const common = { client, ttl: '1m' } as const
  const locks = copy.createLocks({ client })
  const service = copy.createCacheService({ client })
  const through = copy.createWriteThrough({
    ...common,
    prefix: 'through',
    load: async () => 'loaded',
    store: async (_: number, patch: string) => patch,
  })
  return {
    client,
    locks,
    service,
    through,
    aside: copy.createAside<string, number>({ ...common, prefix: 'product' }),
    behind: copy.createWriteBehind({
      ...common,
      prefix: 'users',
      load: async () => 'loaded',
      merge: (_: string | undefined, patch: string) => patch,
    }),
    limiter: copy.createRateLimiter({
      client,
      prefix: 'api',
      deadline: '1s',
      limits: [copy.slidingWindow({ name: 'minute', limit: 1_000, window: '1m' })],
    }),
    versioned: copy.createVersioned({
      ...common,
      prefix: 'versioned',
      load: async (_: number) => 'loaded',
      groups: () => ['g'],
    }),
    hierarchical: copy.createHierarchical({
      ...common,
      item: { prefix: 'item', id: (item: { id: number }) => item.id },
      group: { prefix: 'group', id: () => 7 },
      groupOf: async () => 7,
      loadGroup: async () => [{ id: 1 }],
    }),
    rows,
    close: async () => {
      await Promise.all([locks.close(), service.close(), through.close()])
      await client.close()
    },
  }
}

let lastId = 0

/** Returns the outcome of one call of each pattern: its result, or the name of its error. */
async function outcomes({
  client,
  aside,
  through,
  behind,
  locks,
  limiter,
  versioned,
  hierarchical,
  service,
}: ReturnType<typeof create>): Promise<Record<string, unknown>> {
  const id = ++lastId
  const calls = {
    aside: aside.getOrLoad(id, () => 'loaded'),
    mutate: aside.mutate(id + 0.5, async () => 'changed'),
    writeThrough: through.update(id, 'stored'),
    writeBehind: behind.update(String(id), 'written').then(() => 'written'),
    lock: locks.acquire(`job:${id}`, { ttl: '5s', wait: '1s' }).then(() => 'held'),
    limiter: limiter.consume('user').then(({ degraded }) => (degraded ? 'degraded' : 'decided')),
    versioned: versioned.get(id),
    bump: versioned.bump('g').then(() => 'bumped'),
    hierarchical: hierarchical.get(1).then((item) => item && 'loaded'),
    service: service.get(`key:${id}`, async () => 'rebuilt'),
    set: service.set(`other:${id}`, 1),
    send: client.send({ args: ['PING'], keys: [] }),
  }
  const settled = Object.entries(calls).map(
    async ([name, call]) =>
      [name, await (call as Promise<unknown>).catch((error: Error) => error.name)] as const,
  )
  return Object.fromEntries(await Promise.all(settled))
}

function errorClasses(
  copy: Copy,
): readonly (readonly [string, abstract new (...args: never[]) => Error])[] {
  return Object.entries(copy).filter(
    ([name, type]) => name.endsWith('Error') && typeof type === 'function',
  ) as never
}

/** One of each class that may be made by hand. */
function errorsOf(copy: Copy): readonly Error[] {
  return [
    new copy.CacheError('x'),
    new copy.ConnectionError('x'),
    new copy.CommandTimeoutError('x'),
    copy.ServerError.fromReply('OOM x'),
    new copy.CodecError('x'),
    new copy.InvalidKeyError('x'),
    new copy.InvalidOptionError('ttl', 'a duration', 1),
    new copy.CacheUnavailableError(['k'], undefined),
    new copy.CacheWriteError(['k'], 1, 5, undefined),
    new copy.LoadTimeoutError('k', 1),
    new copy.LockTimeoutError('x', 1),
    new copy.LockLostError('x', 'expired'),
    new copy.CrossShardError('MGET', ['a', 'b']),
    new copy.LateReshardError(1),
    new copy.ShardNotEmptyError('a', 'k'),
    new copy.ReshardConflictError(),
    new copy.WriteManyError([{ status: 'rejected', reason: 1 }]),
  ]
}
