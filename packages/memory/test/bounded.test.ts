import { InvalidOptionError } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { MemoryServer, memoryDriver } from '../src/index.js'

const MAX = 64 * 1024

function bounded(maxBytes = MAX) {
  const server = new MemoryServer({ maxBytes })
  const ask = (...args: string[]): unknown => server.execute(args)
  const names = (): string[] => (ask('KEYS', '*') as string[]).sort()
  return { server, ask, names }
}

describe('a bounded MemoryServer', () => {
  it('never holds more than its bound after a command', () => {
    const { server, ask } = bounded()
    for (let i = 0; i < 2_000; i++) {
      ask('SET', `key ${i}`, 'x'.repeat(i % 3_000))
      expect(server.database.bytes).toBeLessThanOrEqual(MAX)
    }
    expect(server.database.size).toBeGreaterThan(10)
    expect(ask('GET', 'key 1999')).toBe('x'.repeat(1999))
    expect(ask('GET', 'key 0')).toBeNull()
    expect(ask('SET', 'too large', 'x'.repeat(MAX))).toMatchObject({ text: 'OK' })
    expect(server.database.size).toBe(0)
    expect(server.database.bytes).toBe(0)
  })

  it('evicts the least recently used keys: a read and a change count, a scan does not', () => {
    const { ask, names } = bounded(10_000)
    for (const key of ['a', 'b', 'c', 'd']) ask('SET', key, 'x'.repeat(2_000))
    ask('GET', 'a')
    ask('EVAL', "return redis.call('APPEND', KEYS[1], 'x')", '1', 'b')
    ask('SCAN', '0')
    ask('EXISTS', 'c')
    ask('SET', 'e', 'x'.repeat(2_000))
    expect(names()).toEqual(['a', 'b', 'd', 'e'])
    ask('SET', 'f', 'x'.repeat(4_500))
    expect(names()).toEqual(['b', 'e', 'f'])
  })

  it('counts every type, as it grows and shrinks, and everything that ends', () => {
    const { server, ask } = bounded(1_000_000)
    const item = 'x'.repeat(1_000)
    const grow: readonly (readonly string[])[] = [
      ['HSET', 'hash', 'field', item],
      ['RPUSH', 'list', item],
      ['SADD', 'set', item],
      ['ZADD', 'zset', '1', item],
      ['XADD', 'stream', '*', 'field', item],
      ['APPEND', 'string', item],
    ]
    for (const command of grow) {
      const before = server.database.bytes
      ask(...command)
      expect(server.database.bytes - before).toBeGreaterThanOrEqual(1_000)
      expect(server.database.bytes - before).toBeLessThan(1_500)
    }
    for (let i = 0; i < 100; i++) ask('HSET', 'hash', `field ${i}`, item)
    expect(server.database.bytes).toBeGreaterThan(100_000)
    for (let i = 0; i < 100; i++) ask('HDEL', 'hash', `field ${i}`)
    expect(server.database.bytes).toBeLessThan(15_000)
    ask('HDEL', 'hash', 'field')
    ask('LPOP', 'list')
    ask('DEL', 'set', 'zset')
    ask('PEXPIRE', 'stream', '1')
    ask('SET', 'string', '')
    server.setClock(1_000)
    ask('GET', 'stream')
    expect(server.database.size).toBe(1)
    expect(server.database.bytes).toBeLessThan(500)
    ask('FLUSHALL')
    expect(server.database.bytes).toBe(0)
  })

  it('tells those who track keys about evictions, and INFO about its bound', () => {
    const { server, ask } = bounded(5_000)
    const told: string[] = []
    server.listeners.add({
      channels: new Set(),
      message: () => undefined,
      killed: () => undefined,
      invalidated: (keys) => told.push(...(keys ?? ['all'])),
    })
    ask('SET', 'old', 'x'.repeat(3_000))
    ask('SET', 'new', 'x'.repeat(3_000))
    expect(told).toEqual(['old', 'new', 'old'])
    expect(ask('INFO', 'memory')).toContain('maxmemory:5000\r\nmaxmemory_policy:allkeys-lru')
    expect(new MemoryServer().execute(['INFO'])).toContain('maxmemory:0')
  })

  it('is an option of the driver too, and must be a size', () => {
    const { server } = memoryDriver({ maxBytes: '1kb' })
    server.execute(['SET', 'key', 'x'.repeat(2_000)])
    expect(server.database.size).toBe(0)
    for (const maxBytes of [0, -1, 'much', NaN])
      for (const create of [
        () => new MemoryServer({ maxBytes: maxBytes as number }),
        () => memoryDriver({ maxBytes: maxBytes as number }),
      ])
        expect(create).toThrow(InvalidOptionError)
    expect(() => memoryDriver({ server, maxBytes: '1kb' })).toThrow('"maxBytes"')
    expect(() => new MemoryServer({ maxByte: 1 } as never)).toThrow('maxByte')
  })
})
