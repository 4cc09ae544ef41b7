import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createAside } from '@cache/aside'
import { createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks, createSemaphore } from '@cache/lock'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { concurrency, createRateLimiter } from '@cache/ratelimit'
import { createCacheService } from '@cache/service'
import { startRedis, startRedisCluster, type RedisCluster, type RedisServer } from '@cache/testkit'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const subjects = [
  'bus',
  'tracking bus',
  'near cache',
  'contended lock',
  'held lock',
  'limiter',
  'write-behind',
  'dedicated',
]

/** Runs a process that uses something and does not close it. */
async function expectToEnd(
  library: string,
  subject: string,
  urls: readonly string[],
): Promise<void> {
  const program = fileURLToPath(new URL('processes/forgets-close.mjs', import.meta.url))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, library, subject, ...urls],
    { timeout: 60_000 },
  )
  expect(stdout).toBe('used\n')
}

describe.each(['ioredis', 'node-redis'])('on %s, client.close()', (library) => {
  function connect() {
    const redis = library === 'ioredis' ? new Redis(server.url) : createClient({ url: server.url })
    redis.on('error', () => undefined)
    const driver = redis instanceof Redis ? ioredisDriver(redis) : nodeRedisDriver(redis as never)
    const client = createCacheClient(driver, { namespace: 'closing' })
    return {
      client,
      [Symbol.asyncDispose]: async () => {
        await client.close()
        if (redis instanceof Redis) redis.disconnect()
        else redis.destroy()
      },
    }
  }

  it('releases locks, and their holders learn it first', async () => {
    await using made = connect()
    const { client } = made
    const lock = await createLocks({ client }).acquire('invoice')
    const permit = await createSemaphore({ client, name: 'imports', permits: 1 }).acquire()
    await client.close()
    for (const held of [lock, permit]) {
      expect(held.signal.aborted).toBe(true)
      expect(held.signal.reason).toMatchObject({ reason: 'closed' })
    }
    expect(await server.cli('EXISTS', 'closing:lock:invoice')).toBe('0')
  })

  it('releases the slots of limiters, and their holders learn it first', async () => {
    await using made = connect()
    await using other = connect()
    const limiterOn = (client: CacheClient) =>
      createRateLimiter({
        client,
        prefix: 'slots',
        limits: [concurrency({ limit: 1, ttl: '10m' })],
      })
    const { signal } = await limiterOn(made.client).consume('export')
    expect((await limiterOn(other.client).consume('export')).allowed).toBe(false)
    await made.client.close()
    expect(signal.reason).toMatchObject({ code: 'SLOT_LOST' })
    expect((await limiterOn(other.client).consume('export')).allowed).toBe(true)
  })

  it('ends waits for a lock', async () => {
    await using first = connect()
    await using second = connect()
    await using lock = await createLocks({ client: first.client }).acquire('contended')
    const waiting = createLocks({ client: second.client }).acquire('contended', { wait: '1m' })
    waiting.catch(() => undefined)
    await second.client.close()
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
    expect(lock.signal.aborted).toBe(false)
  })

  it('ends near caches and buses', async () => {
    await using made = connect()
    const { client } = made
    const bus = createInvalidationBus({ client })
    await bus.ready()
    const near = withNearCache(client, { bus })
    const cache = createAside<string>({ client: near, prefix: 'near', ttl: '1m' })
    await cache.getOrLoad('a', () => 'x')
    await vi.waitFor(() => expect(near.near.stats().answering).toBe(true))
    await client.close()
    expect(bus.live).toBe(false)
    expect(near.near.stats()).toMatchObject({ answering: false, entries: 0 })
  })

  it('stops workers after their batch, and loses no write', async () => {
    await using made = connect()
    const { client } = made
    const flushed: string[] = []
    const rows = createWriteBehind({
      client,
      prefix: 'rows',
      partitions: 1,
      ttl: '1m',
      load: (): string | undefined => undefined,
      maxPending: 100,
    })
    const worker = createWriteBehindWorker({
      client,
      prefix: 'rows',
      partitions: 1,
      flush: async (writes) => {
        for (const { id } of writes) flushed.push(id)
      },
    })
    const run = worker.run()
    await rows.put('1', 'x')
    await vi.waitFor(() => expect(flushed).toEqual(['1']), 10_000)
    await client.close()
    await run
    expect(worker.partitions).toEqual([])
    expect(await server.cli('KEYS', 'closing:{rows*owner*')).toBe('')
  })

  it('closes services, and can be called several times', async () => {
    await using made = connect()
    const { client } = made
    const bus = createInvalidationBus({ client })
    const service = createCacheService({ client, bus, ttl: '1m' })
    await service.remember({ prefix: 'a', load: () => 'x' }).get('a')
    await Promise.all([client.close(), client.close()])
    await client.close()
    await service.close()
    await bus.close()
    expect(bus.live).toBe(false)
  })

  it('does not wait long for a Redis that is silent', async () => {
    await using made = connect()
    const { client } = made
    await createLocks({ client }).acquire('silent', { ttl: '2s' })
    await createInvalidationBus({ client }).ready()
    await server.pause()
    try {
      await client.close() // ends before the time limit of the test
    } finally {
      await server.resume()
    }
  })

  it.each(subjects)('may be forgotten: %s keeps no process alive', (subject) =>
    expectToEnd(library, subject, [server.url]),
  )
})

describe.each(['ioredis', 'node-redis'])('on a Cluster of %s', (library) => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster({ primaries: 3 })
  })
  afterAll(() => cluster.stop())

  it.each(subjects)('client.close() may be forgotten: %s keeps no process alive', (subject) =>
    expectToEnd(
      library,
      subject,
      cluster.addresses.map(({ host, port }) => `redis://${host}:${port}`),
    ),
  )
})
