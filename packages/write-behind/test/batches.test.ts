import type { CacheClient, CacheError } from '@cache/core'
import { createInvalidationBus, withNearCache } from '@cache/pubsub-invalidation'
import { startProxy, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { BackpressureError, DurabilityError } from '../src/index.js'
import { Setup, clientKinds, connect, findKey } from './setup.js'

const names = (count: number): { name: string }[] =>
  Array.from({ length: count }, (_, i) => ({ name: String(i) }))

function blockFor(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe.each(clientKinds)('writes of one tick, on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())
  beforeEach(() => redis.flush())

  const scriptCalls = async (): Promise<number> => {
    const stats = await redis.cli('INFO', 'commandstats')
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
  }

  it('go to their partition in one call of a script', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.put('first', { name: 'first' })
    const before = await scriptCalls()
    await Promise.all(names(100).map((row) => rows.put(row.name, row)))
    expect((await scriptCalls()) - before).toBe(1)
    await rows.close()
  })

  it('reach the database in the order in which they were made', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    const writing = Promise.all(names(300).map((row) => rows.put('1', row)))
    await rows.delete('1')
    await writing
    const flushed: unknown[] = []
    setup.startWorker({
      coalesce: false,
      flush: (writes) => void flushed.push(...writes.map(({ value }) => value)),
    })
    await rows.flushed('1')
    expect(flushed).toEqual([...names(300), null])
    expect(await rows.get('1')).toBe(null)
    await rows.close()
  })

  it('are refused one by one if the queue has room for some only', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows({ maxPending: 2 })
    const results = await Promise.allSettled(names(4).map((row) => rows.put(row.name, row)))
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
    ])
    const [, , refused] = results
    expect(refused?.status === 'rejected' && refused.reason).toBeInstanceOf(BackpressureError)
    expect(await rows.peek('2')).toBeUndefined()
    await rows.close()
  })

  it('reject as not sent if earlier ones of their partition were not answered', async () => {
    await using proxy = await startProxy(redis)
    await using client = connect(kind, proxy.url, {
      writeTimeout: 300,
      breaker: { failures: 1_000, cooldown: 50 },
    })
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.put('first', { name: 'first' })
    const held = proxy.hold()
    const writing = Promise.allSettled(names(200).map((row) => rows.put(row.name, row)))
    blockFor(20) // so the first ones are sent after the others began to wait
    const results = await writing
    const codes = results.map((result) =>
      result.status === 'rejected' ? (result.reason as CacheError).code : 'stored',
    )
    expect(codes.slice(0, 128)).not.toContain('NOT_SENT')
    expect(codes).not.toContain('stored')
    expect(new Set(codes.slice(128))).toEqual(new Set(['NOT_SENT']))
    proxy.drop()
    await held.deliver()
    expect(await redis.cli('KEYS', '*entry:150')).toBe('')
    await rows.close()
  })

  it('are sent however long the process was busy before', async () => {
    await using client = connect(kind, redis.url, { writeTimeout: 500 })
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.put('first', { name: 'first' })
    const [sent, waiting] = [rows.put('1', { name: 'sent' }), rows.put('2', { name: 'waiting' })]
    blockFor(700)
    await Promise.all([sent, waiting])
    const behind = [rows.put('1', { name: 'sent' })]
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    behind.push(rows.put('2', { name: 'behind it' }))
    blockFor(700)
    await Promise.all(behind)
    await rows.close()
  })

  it('do not wait for earlier ones longer than writeTimeout', async () => {
    await using client = connect(kind, redis.url, { writeTimeout: 300 })
    await using setup = new Setup(client)
    // The first write waits for its replicas, which takes longer than writeTimeout.
    const rows = setup.rows({ durability: { replicas: 1, timeout: 1_500 } })
    let hasSettled = false
    const first = rows.put('1', { name: 'first' }).catch((error: unknown) => {
      hasSettled = true
      return error
    })
    await vi.waitFor(async () => expect(await redis.cli('KEYS', '*entry:1')).not.toBe(''), 5_000)
    await expect(rows.put('2', { name: 'second' })).rejects.toMatchObject({ code: 'NOT_SENT' })
    expect(hasSettled).toBe(false)
    expect(await first).toBeInstanceOf(DurabilityError)
    expect(await redis.cli('KEYS', '*entry:2')).toBe('')
    await rows.close()
  })

  it('are refused one by one if they are too large', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const limits = { maxValueBytes: 100 }
    const rows = setup.rows(limits)
    // With its frame of 10 bytes, a value of 91 bytes of JSON is too large by one.
    const sizes = [70, 80, 90, 91, 95, 100, 101]
    const valueOf = (size: number) => ({ name: 'x'.repeat(size - '{"name":""}'.length) })
    const results = await Promise.allSettled(
      sizes.map((size) => rows.put(String(size), valueOf(size))),
    )
    setup.startWorker(limits)
    for (const [i, size] of sizes.entries()) {
      expect(results[i]!.status).toBe(size <= 90 ? 'fulfilled' : 'rejected')
      await rows.flushed(String(size))
      expect(await rows.get(String(size))).toEqual(size <= 90 ? valueOf(size) : null)
    }
    expect(await rows.deadLetters.list()).toEqual([])
    await rows.close()
  })

  it('are all stored if a key of one of them holds another type', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.counters()
    await rows.update('first', 1)
    const keyOf = (name: string) => findKey(redis, name)
    const entryKey = (await redis.cli('KEYS', '*entry:first')).replace(/first$/, '')
    const foreign: Record<string, () => Promise<string>> = {
      entry: async () => `${entryKey}3`,
      lease: async () => `${entryKey}4:lease`,
      'pending values': () => keyOf('pending'),
      stream: () => keyOf('stream'),
      session: async () => (await keyOf('session:*')).split('\n')[0]!,
    }
    for (const [name, find] of Object.entries(foreign)) {
      const key = await find()
      await redis.cli('DEL', key)
      await redis.cli('RPUSH', key, 'foreign')
      const results = await Promise.allSettled(
        names(20).map(({ name: id }, i) =>
          i % 2 ? rows.update(id, 1) : rows.put(id, { name, age: 0 }),
        ),
      )
      expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
      expect((await rows.pending()).writes).toBeGreaterThanOrEqual(20)
      expect(await rows.get('4')).toEqual({ name, age: 0 })
    }
    await rows.close()
  })

  it('are announced to near caches, even if their keys fill several messages', async () => {
    await using client = connect(kind, redis.url)
    await using otherClient = connect(kind, redis.url)
    const withNear = async (plain: CacheClient) => {
      const bus = createInvalidationBus({ client: plain })
      await bus.ready()
      return new Setup(withNearCache(plain, { bus, ttl: '1m' }))
    }
    await using setup = await withNear(client)
    await using other = await withNear(otherClient)
    const [rows, otherRows] = [setup.rows(), other.rows()]
    const ids = names(128).map(({ name }) => name.padEnd(900, 'x'))
    const namesRead = async () =>
      new Set((await otherRows.getMany(ids)).map((row) => row?.name ?? 'none'))
    await rows.putMany(ids.map((id) => [id, { name: 'old' }]))
    await vi.waitFor(async () => {
      expect(await namesRead()).toEqual(new Set(['old']))
      expect(otherRows.stats().nearHits).toBeGreaterThanOrEqual(128)
    }, 5_000)
    await Promise.all(ids.map((id) => rows.put(id, { name: 'new' })))
    await vi.waitFor(async () => expect(await namesRead()).toEqual(new Set(['new'])), 5_000)
    await Promise.all([rows.close(), otherRows.close()])
  })

  it('are refused at once beyond maxInFlight, which is logged', async () => {
    const lines: string[] = []
    const log = (line: string): void => void lines.push(line)
    const logger = { info: log, warn: log, error: log }
    await using client = connect(kind, redis.url, { maxInFlight: 20 }, logger)
    await using setup = new Setup(client)
    const rows = setup.rows()
    const results = await Promise.allSettled(names(50).map((row) => rows.put(row.name, row)))
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(30)
    for (const result of refused)
      expect(result).toMatchObject({ reason: expect.objectContaining({ code: 'OVERLOADED' }) })
    expect(lines).toEqual([expect.stringContaining('20 requests are waiting for Redis')])
    await rows.put('after', { name: 'after' })
    await rows.close()
  })
})
