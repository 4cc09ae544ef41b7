import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createTrackingBus } from '@cache/pubsub-invalidation'
import { startRedis } from '@cache/testkit'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { createCacheService } from '../src/index.js'

const python = process.env.PYTHON ?? 'python3'
const there = spawnSync(python, ['-c', 'import redis']).status === 0
if (!there)
  console.log(
    `Skipped: no ${python} with redis-py (apt-get install python3-redis; PYTHON names another).`,
  )

/** The Python class in a process of its own. */
function startPython(url: string) {
  const child = spawn(
    python,
    [fileURLToPath(new URL('./python/cache_service.py', import.meta.url)), url],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const ask = async (call: object): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(call)}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error('The Python process has ended.')
    return JSON.parse(value as string)
  }
  return {
    call: (method: string, ...args: unknown[]) => ask({ method, args }),
    getOr: (key: string, rebuilt: unknown) => ask({ args: [key], rebuilt }),
    [Symbol.asyncDispose]: async () => void child.kill(),
  }
}

it.skipIf(!there)(
  'a service in Python and one in Node share values, absence, counters and invalidation',
  async () => {
    await using server = await startRedis()
    const redis = new Redis(server.url)
    await using client = createCacheClient(ioredisDriver(redis))
    await using bus = createTrackingBus({ client, prefixes: ['user:', 'list:', 'views'] })
    await bus.ready()
    await using plain = createCacheService({ client })
    await using cache = createCacheService({ client, bus })
    await using theirs = startPython(server.url)

    await fc.assert(
      fc.asyncProperty(
        fc.json().map((text) => JSON.parse(text) as unknown),
        async (value) => {
          await plain.set('ours', value)
          expect(await theirs.call('get', 'ours')).toEqual(JSON.parse(JSON.stringify(value)))
          await theirs.call('set', 'theirs', value)
          expect(await plain.get('theirs')).toEqual(JSON.parse(JSON.stringify(value)))
        },
      ),
      { numRuns: 100 },
    )

    expect(await cache.get('user:42:profile', () => ({ name: 'Zoë' }), { ttl: '10m' })).toEqual({
      name: 'Zoë',
    })
    expect(await theirs.getOr('user:42:profile', 'not rebuilt')).toEqual({ name: 'Zoë' })
    expect(await theirs.getOr('user:43:profile', { name: 'Bob' })).toEqual({ name: 'Bob' })
    expect(await cache.get('user:43:profile', () => expect.unreachable())).toEqual({ name: 'Bob' })
    expect(await redis.ttl('user:43:profile')).toBeGreaterThan(3_500)

    expect(await cache.get('user:9', () => null, { ttl: '1m' })).toBe(null)
    expect(await theirs.call('get', 'user:9')).toBe(null)
    await cache.invalidate('user:42:profile')
    expect(await theirs.call('get', 'user:42:profile')).toBe(null)
    await theirs.call('invalidate', 'user:43:profile', true)
    // The near cache has dropped the value that redis-py deleted.
    await expect.poll(() => cache.get('user:43:profile'), { timeout: 5_000 }).toBe(undefined)
    for (let i = 0; i < 5; i++) await cache.set(`list:${i}`, i)
    await theirs.call('bulk_invalidate', 'list:*')
    await expect
      .poll(() => Promise.all([0, 1, 2, 3, 4].map((i) => cache.get(`list:${i}`))), {
        timeout: 5_000,
      })
      .toEqual(Array(5).fill(undefined))
    await theirs.call('set', 'list:7', 'x')
    expect(await cache.bulkInvalidate('list:*')).toBe(1)
    expect(await theirs.call('get', 'list:7')).toBe(null)

    expect(await cache.increment('views', 2, { ttl: '1d' })).toBe(2)
    expect(await theirs.call('increment', 'views', 3)).toBe(5)
    expect(await cache.increment('views')).toBe(6)
    expect(await theirs.call('get', 'views')).toBe(6)
    redis.disconnect()
  },
)
