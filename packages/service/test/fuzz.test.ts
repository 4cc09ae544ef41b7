import { createAside } from '@cache/aside'
import { createCacheClient, type CacheClient, type Driver } from '@cache/core'
import { createToken } from '@cache/core/internal'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createHierarchical } from '@cache/hierarchical'
import { createLocks, createReadWriteLock, createSemaphore } from '@cache/lock'
import {
  createInvalidationBus,
  createInvalidator,
  drop,
  listRemove,
  setRemove,
  withNearCache,
} from '@cache/pubsub-invalidation'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
} from '@cache/ratelimit'
import { createCacheService } from '@cache/service'
import { eventually, hostileValues, startRedis, type RedisServer } from '@cache/testkit'
import { createVersioned } from '@cache/versioning'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, beforeEach, expect, it } from 'vitest'

const FOR = process.env.CHAOS ? 60_000 : 2_500
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000)
/** Ms in which any call has an answer, of whatever kind. */
const PATIENCE = 30_000

const drivers: Readonly<
  Record<string, (url: string) => { readonly driver: Driver; end(): unknown }>
> = {
  ioredis(url) {
    const redis = new Redis(url)
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

const unhandled: unknown[] = []
const note = (reason: unknown): void => void unhandled.push(reason)
beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', note)
})
afterEach(() => void process.off('unhandledRejection', note))

/** Numbers from 0 up to, but not, `below`: the same ones for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Everything that may write to the same Redis and publish there, by chance. */
class Attacker {
  readonly #redis: Redis
  readonly #random: (below: number) => number
  /** Keys that it has written to. */
  readonly keys = new Set<string>()
  readonly channels = new Set<string>()

  constructor(redis: Redis, random: (below: number) => number) {
    this.#redis = redis
    this.#random = random
  }

  async strike(): Promise<void> {
    for (const key of await this.#redis.keys('shop:*'))
      // Another fuzzer has changed its type in the meantime.
      if (this.#random(3) === 0) await this.#spoil(key).catch(() => undefined)
    for (const channel of (await this.#redis.pubsub('CHANNELS', '*')) as string[]) {
      this.channels.add(channel)
      for (let i = 0; i < 5; i++) await this.#redis.publish(channel, this.#message())
    }
  }

  async #spoil(key: string): Promise<void> {
    this.keys.add(key)
    const type = await this.#redis.type(key)
    const way = this.#random(5)
    if (way === 0 && type === 'string') {
      const bytes = (await this.#redis.getBuffer(key)) ?? Buffer.alloc(0)
      if (bytes.length > 0) bytes[this.#random(bytes.length)]! ^= 1 << this.#random(8)
      await this.#redis.set(
        key,
        this.#random(2) === 0 ? bytes : bytes.subarray(0, this.#random(bytes.length + 1)),
        'KEEPTTL',
      )
    } else if (way === 1 && type === 'hash') {
      for (const field of await this.#redis.hkeys(key))
        await this.#redis.hset(key, field, this.#bytes(20))
    } else if (way === 2 && type === 'zset') {
      await this.#redis.zadd(
        key,
        this.#random(2) === 0 ? '+inf' : -this.#random(1e9),
        this.#bytes(20),
      )
    } else if (way === 3 && type === 'stream') {
      await this.#redis.xadd(key, '*', this.#bytes(5), this.#bytes(50))
    } else {
      const values = hostileValues(['v', 'id'])
      await this.#redis.del(key)
      for (const [command, ...args] of values[this.#random(values.length)]!.plant(key))
        await this.#redis.call(command, ...args)
    }
  }

  #bytes(most: number): Buffer {
    return Buffer.from(Array.from({ length: this.#random(most) + 1 }, () => this.#random(256)))
  }

  #message(): string | Buffer {
    const names = ['', 'shop:', 'shop:product:1', 'x', '__proto__', '\u0000', '\ud800']
    const some = (): unknown[] =>
      Array.from({ length: this.#random(2_000) }, () => names[this.#random(names.length)])
    const messages: readonly (() => string | Buffer)[] = [
      () => this.#bytes(200),
      () => '[]',
      () => 'null',
      () => '{"v":2}',
      () => '{"v":1,"keys":[1]}',
      () => '['.repeat(5_000),
      () => '{"v":1,"nth":1e400}',
      () =>
        JSON.stringify({
          v: 1,
          from: createToken(),
          nth: this.#random(100),
          id: createToken(),
          keys: some(),
          prefixes: some(),
          groups: some(),
          at: '5-5',
        }),
      () =>
        JSON.stringify({ v: 1, prefixes: Array.from({ length: 1_500 }, (_, i) => `shop:${i}`) }),
      () => 'x'.repeat(300_000),
    ]
    return messages[this.#random(messages.length)]!()
  }
}

/** All patterns on one client; each use is a call that may fail, and has to come to an end. */
function allPatterns(client: CacheClient) {
  const source = new Map<number, number>()
  const flushed = new Map<string, number>()
  const load = (id: number): number => source.get(id) ?? 0
  const soon = { wait: '2s', ttl: '2s' } as const
  const bus = createInvalidationBus({ client, onGap: 'replay' })
  const near = withNearCache(client, { bus, groups: (key) => [key] })
  const products = createAside<number>({
    client,
    prefix: 'product',
    ttl: '1m',
    leaseTtl: '500ms',
    staleWhileRevalidate: '1m',
  })
  const nears = createAside<number>({ client: near, prefix: 'near', ttl: '1m', leaseTtl: '500ms' })
  const users = createWriteThrough({
    client,
    prefix: 'user',
    ttl: '1m',
    leaseTtl: '500ms',
    intentTtl: '1s',
    load,
    store: (id: number, value: number) => (source.set(id, value), value),
  })
  const rows = createVersioned({
    client,
    prefix: 'row',
    ttl: '1m',
    leaseTtl: '500ms',
    load,
    groups: () => ['g'],
  })
  const shelves = createHierarchical({
    client,
    ttl: '1m',
    item: { prefix: 'item', id: ({ id }: { id: number; n: number }) => id },
    group: { prefix: 'shelf', id: () => 7 },
    groupOf: () => 7,
    loadGroup: () => [
      { id: 1, n: load(1) },
      { id: 2, n: load(2) },
    ],
  })
  const locks = createLocks({ client })
  const semaphore = createSemaphore({ client, name: 'pool', permits: 2 })
  const table = createReadWriteLock({ client, name: 'table' })
  const limits = [slidingWindow, slidingCounter, fixedWindow].map((policy, i) =>
    policy({ name: `w${i}`, limit: 1_000_000, window: '2s' }),
  )
  const limiter = createRateLimiter({
    client,
    prefix: 'api',
    limits: [
      ...limits,
      gcra({ name: 'g', limit: 1_000_000, window: '2s' }),
      tokenBucket({ name: 't', capacity: 1_000_000, refill: 1_000_000, interval: '2s' }),
    ],
  })
  const slots = createRateLimiter({
    client,
    prefix: 'slots',
    limits: [concurrency({ name: 's', limit: 1_000, ttl: '2s' })],
  })
  const visits = createWriteBehind<number, string, number>({
    client,
    prefix: 'visits',
    ttl: '1m',
    load: (id) => flushed.get(id) ?? 0,
    merge: (_, patch) => patch,
  })
  const worker = createWriteBehindWorker<number>({
    client,
    prefix: 'visits',
    flush: async (writes) => {
      for (const { id, value } of writes as readonly { id: string; value: number }[])
        flushed.set(String(id), value)
    },
  })
  const service = createCacheService({ client, ttl: '1m' })
  const invalidator = createInvalidator({
    client,
    bus,
    rules: {
      changed: (id: number) => [
        drop(['product', id]),
        listRemove('list', id),
        setRemove('set', id),
      ],
    },
  })
  const stop = new AbortController()
  const working = Promise.resolve(worker.run({ signal: stop.signal })).catch(
    (error: unknown) => error,
  )

  const uses: Readonly<Record<string, (n: number) => Promise<unknown>>> = {
    aside: (n) =>
      Promise.all([
        products.getOrLoad(1, () => n),
        products.getOrLoadMany([1, 2, 3], (ids) => ids.map(() => n)),
        products.mutate(2, () => n),
      ]),
    near: (n) =>
      Promise.all([
        nears.getOrLoad(1, () => n),
        nears.getOrLoadMany([1, 2], (ids) => ids.map(() => n)),
        nears.invalidate([2]),
      ]),
    bus: (n) =>
      Promise.all([
        bus.publish({ keys: [['near', n % 3]], prefix: 'near:', groups: ['g'] }),
        invalidator.emit('changed', 1),
      ]),
    'write-through': (n) => Promise.all([users.get(1), users.update(1, n), users.getMany([1, 2])]),
    versioned: () => Promise.all([rows.get(1), rows.bump('g'), rows.invalidate(1)]),
    hierarchical: () =>
      Promise.all([shelves.get(1), shelves.getGroup(7), shelves.invalidateGroup(7)]),
    lock: async () => {
      await (await locks.acquire('x', soon)).release()
    },
    semaphore: async () => {
      await (await semaphore.acquire(soon)).release()
    },
    'read-write lock': async () => {
      await (await table.read.acquire(soon)).release()
      await (await table.write.acquire(soon)).release()
    },
    limiter: async () => {
      await limiter.refund(await limiter.consume('u'))
    },
    slots: async () => {
      await (await slots.consume('u')).release()
    },
    'write-behind': (n) =>
      Promise.all([
        visits.update('1', n),
        visits.putMany([
          ['2', n],
          ['3', n],
        ]),
        visits.get('1'),
        visits.deadLetters.list(),
      ]),
    service: (n) =>
      Promise.all([
        service.get('page', () => n),
        service.set('other', n),
        service.invalidate('page'),
      ]),
  }

  /** What each has to do again, once nobody spoils it any more. */
  const healed: Readonly<Record<string, (n: number) => Promise<unknown>>> = {
    aside: async (n) => {
      await products.invalidate(1)
      expect(await products.getOrLoad(1, () => n)).toBe(n)
      expect(await products.peek(1)).toBe(n)
    },
    near: async (n) => {
      await nears.invalidate(1)
      expect(await nears.getOrLoad(1, () => n)).toBe(n)
      expect(await nears.getOrLoad(1, () => -1)).toBe(n)
    },
    bus: async () => {
      await bus.publish({ keys: ['near:1'] })
      expect(bus.live).toBe(true)
    },
    'write-through': async (n) => {
      await users.update(1, n)
      expect(await users.get(1)).toBe(n)
      expect(await users.peek(1)).toBe(n)
    },
    versioned: async (n) => {
      source.set(1, n)
      await rows.bump('g')
      await rows.invalidate(1)
      expect(await rows.get(1)).toBe(n)
    },
    hierarchical: async (n) => {
      source.set(1, n)
      await shelves.invalidateGroup(7)
      await shelves.invalidate(1)
      expect(await shelves.get(1)).toMatchObject({ n })
    },
    lock: uses.lock!,
    semaphore: uses.semaphore!,
    'read-write lock': uses['read-write lock']!,
    limiter: async () =>
      expect(await limiter.consume('u')).toMatchObject({ allowed: true, degraded: false }),
    slots: async () => {
      await using slot = await slots.consume('u')
      expect(slot).toMatchObject({ allowed: true, degraded: false })
    },
    'write-behind': async (n) => {
      await visits.put('1', n)
      await eventually(() => flushed.get('1') === n, { within: 5_000 })
      expect(await visits.get('1')).toBe(n)
    },
    service: async (n) => {
      await service.invalidate('page')
      expect(await service.get('page', () => n)).toBe(n)
      expect(await service.get('page')).toBe(n)
    },
  }

  const close = async (): Promise<void> => {
    stop.abort()
    await working
    for (const one of [locks, semaphore, table, visits, users, service, near, bus])
      await one.close()
  }
  return { uses, healed, close, ready: () => bus.ready() }
}

async function inTime<R>(what: string, call: Promise<R>): Promise<R> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), PATIENCE)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}

it.each(Object.keys(drivers))(
  'hostile bytes in all keys and channels, over %s: nothing hangs or crashes',
  async (name) => {
    const server: RedisServer = await startRedis()
    const { driver, end } = drivers[name]!(server.url)
    const client = createCacheClient(driver, {
      namespace: 'shop',
      resilience: { readTimeout: '5s', writeTimeout: '5s' },
    })
    const patterns = allPatterns(client)
    const admin = new Redis(server.url)
    const attacker = new Attacker(admin, randomFrom(SEED))
    await patterns.ready()

    const until = performance.now() + FOR
    const answered = new Map<string, number>()
    const using = Object.entries(patterns.uses).map(async ([what, use]) => {
      for (let n = 1; performance.now() < until; n++) {
        // A call may fail, because its keys are being destroyed. It must not hang.
        await inTime(
          `${what}, seed ${SEED},`,
          use(n).then(
            () => answered.set(what, (answered.get(what) ?? 0) + 1),
            (error: unknown) => expect(error).toBeInstanceOf(Error),
          ),
        )
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })
    while (performance.now() < until) await attacker.strike()
    await Promise.all(using)

    expect(attacker.keys.size).toBeGreaterThan(5)
    expect(attacker.channels.size).toBeGreaterThan(0)
    // Any value at the key of a lock holds the lock until someone deletes it.
    await admin.del('shop:lock:x', 'shop:semaphore:pool', 'shop:rwlock:table')
    for (const [what, works] of Object.entries(patterns.healed)) {
      let n = 1_000
      await eventually(
        async () => {
          await inTime(`${what} afterwards, seed ${SEED},`, works(++n))
          return true
        },
        { within: PATIENCE },
      ).catch((error: unknown) => {
        throw new Error(`${what} does not heal, seed ${SEED}`, { cause: error })
      })
    }
    expect(unhandled).toEqual([])
    await patterns.close()
    await client.close()
    await end()
    admin.disconnect()
    await server.stop()
  },
  FOR + 240_000,
)
