import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CacheUnavailableError, CacheWriteError, createWriteThrough } from '../src/index.js'

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

const drivers: Record<string, (url: string) => { driver: Driver; end(): unknown }> = {
  ioredis(url) {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    return { driver: ioredisDriver(redis), end: () => redis.disconnect() }
  },
  'node-redis'(url) {
    const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
    return { driver: nodeRedisDriver(redis), end: () => redis.destroy() }
  },
}

describe.each(Object.keys(drivers))('on %s', (name) => {
  let server: RedisServer
  const ends: (() => unknown)[] = []
  beforeEach(async () => void (server = await startRedis({ aof: true })))
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    await server.stop()
    expect(unhandled).toEqual([])
  })

  /** `writeTimeout`: longer where a write has to begin, whatever the machine does meanwhile. */
  function make(onOutage: 'reject' | 'bypass', writeTimeout = 300) {
    const { driver, end } = drivers[name]!(server.url)
    const client = createCacheClient(driver, {
      resilience: { readTimeout: 100, writeTimeout, breaker: { failures: 3, cooldown: 100 } },
    })
    const rows = new Map([[1, 'old']])
    let during: () => unknown = () => undefined
    const rowsCache = createWriteThrough({
      client,
      prefix: 'row',
      ttl: '1h',
      onOutage,
      intentTtl: '2s',
      load: async (id: number) => rows.get(id),
      store: async (id, row: string) => {
        rows.set(id, row)
        await during()
        return row
      },
      remove: (id) => rows.delete(id),
    })
    ends.push(
      end,
      () => client.close(),
      () => rowsCache.close(),
    )
    return {
      rowsCache,
      rows,
      whileStoring: (what: () => unknown) => {
        during = what
      },
    }
  }

  it.each(['dead', 'silent'])(
    'Redis %s: a write is refused before the source, and reads answer from the source',
    async (how) => {
      const { rowsCache, rows } = make('reject')
      await rowsCache.get(1)
      await (how === 'dead' ? server.kill() : server.pause())
      await expect(rowsCache.update(1, 'new')).rejects.toBeInstanceOf(CacheUnavailableError)
      await expect(rowsCache.delete(1)).rejects.toBeInstanceOf(CacheUnavailableError)
      expect(rows.get(1)).toBe('old')
      expect(await rowsCache.get(1)).toBe('old')
      await (how === 'dead' ? server.restart() : server.resume())
      await vi.waitFor(async () => expect(await rowsCache.update(1, 'new')).toBe('new'), 20_000)
      expect(await rowsCache.get(1)).toBe('new')
    },
  )

  it('Redis goes away during a write: the caller learns that the row is written', async () => {
    const { rowsCache, rows, whileStoring } = make('reject', 1_000)
    await rowsCache.get(1)
    whileStoring(() => server.pause())
    const error: unknown = await rowsCache.update(1, 'new').catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(CacheWriteError)
    expect(error).toMatchObject({ stored: true, result: 'new' })
    expect(rows.get(1)).toBe('new')
    await server.resume()
    await vi.waitFor(async () => expect(await rowsCache.get(1)).toBe('new'), 10_000)
  })

  it.each(['before', 'during'])(
    'bypass: with Redis down %s the write, this process reads the new row, others later',
    async (when) => {
      const { rowsCache, rows, whileStoring } = make('bypass')
      await rowsCache.get(1)
      if (when === 'before') await server.kill()
      else whileStoring(() => server.kill())
      expect(await rowsCache.update(1, 'new')).toBe('new')
      expect(rows.get(1)).toBe('new')
      whileStoring(() => undefined)
      expect(await rowsCache.get(1)).toBe('new')
      expect(await rowsCache.getMany([1])).toEqual(['new'])
      await server.restart()
      for (let i = 0; i < 50; i++) expect(await rowsCache.get(1)).toBe('new')
      const another = make('reject')
      another.rows.set(1, 'new')
      await vi.waitFor(async () => expect(await another.rowsCache.get(1)).toBe('new'), 10_000)
      await vi.waitFor(async () => {
        await rowsCache.update(1, 'newer')
        expect(await rowsCache.peek(1)).toBe('newer')
      }, 10_000)
    },
  )

  it('a full Redis accepts writes, because they begin with a deletion', async () => {
    const { rowsCache, rows } = make('reject', 5_000)
    await rowsCache.get(1)
    await server.cli('CONFIG', 'SET', 'maxmemory', '1')
    expect(await rowsCache.update(1, 'new')).toBe('new')
    expect(rows.get(1)).toBe('new')
    expect(await rowsCache.get(1)).toBe('new')
  })

  it('a Redis that fills up during a write: the old entry is gone', async () => {
    const { rowsCache, whileStoring } = make('reject', 5_000)
    await rowsCache.get(1)
    whileStoring(() => server.cli('CONFIG', 'SET', 'maxmemory', '1'))
    await rowsCache
      .update(1, 'new')
      .catch((error: unknown) => expect(error).toBeInstanceOf(CacheWriteError))
    await server.cli('CONFIG', 'SET', 'maxmemory', '0')
    await vi.waitFor(async () => expect(await rowsCache.get(1)).toBe('new'), 10_000)
  })
})
