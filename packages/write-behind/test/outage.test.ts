import { CacheError, createCacheClient, type CacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createWriteBehind } from '../src/index.js'
import { Table, type Row } from './cases.js'

const resilience = {
  readTimeout: 200,
  writeTimeout: 500,
  breaker: { failures: 5, cooldown: 100 },
} as const
const libraries = [
  {
    name: 'ioredis',
    connect: (url: string) => ({
      client: createCacheClient(ioredisDriver(new Redis(url)), { resilience }),
    }),
  },
  {
    name: 'node-redis',
    connect: (url: string) => ({
      client: createCacheClient(nodeRedisDriver(createClient({ url })), { resilience }),
    }),
  },
] as const

describe.each(libraries)('while Redis is down, on $name', ({ connect }) => {
  let server: RedisServer
  let client: CacheClient
  let table: Table
  beforeAll(async () => {
    server = await startRedis()
    ;({ client } = connect(server.url))
  })
  afterAll(async () => {
    await client.close()
    await server.stop()
  })
  const rowsOf = (prefix: string, overrides: object = {}) => {
    table = new Table()
    table.rows.set('1', { value: { name: 'old' }, sequence: 0 })
    return createWriteBehind<Row | null, string, Row>({
      client,
      prefix,
      ttl: '1h',
      load: table.load,
      ...overrides,
    })
  }

  it.each(['paused', 'killed'] as const)(
    '%s: reads reject, and return the acknowledged value once Redis is back',
    async (variant) => {
      const rows = rowsOf(`rows-${variant}`)
      await vi.waitFor(() => rows.put('1', { name: 'acknowledged' }), { timeout: 10_000 })
      const keys = await server.cli('SAVE')
      expect(keys).toBe('OK')
      await (variant === 'paused' ? server.pause() : server.kill())
      try {
        for (const request of [
          () => rows.get('1'),
          () => rows.getMany(['1']),
          () => rows.peek('1'),
          () => rows.put('1', { name: 'refused' }),
        ])
          await expect(request()).rejects.toBeInstanceOf(CacheError)
        expect(table.loads).toBe(0)
      } finally {
        await (variant === 'paused' ? server.resume() : server.restart())
      }
      await vi.waitFor(
        async () =>
          expect(await rows.get('1')).toMatchObject({
            name:
              variant === 'paused' ? expect.stringMatching('acknowledged|refused') : 'acknowledged',
          }),
        10_000,
      )
    },
  )

  it("onOutage: 'bypass': a read returns what the database has", async () => {
    const rows = rowsOf('loaded', { onOutage: 'bypass' })
    await vi.waitFor(() => rows.put('1', { name: 'acknowledged' }), { timeout: 10_000 })
    await server.pause()
    try {
      expect(await rows.get('1')).toEqual({ name: 'old' })
      expect(await rows.getMany(['1', '2'])).toEqual([{ name: 'old' }, null])
      expect(await rows.peek('1')).toBeUndefined()
    } finally {
      await server.resume()
    }
    await vi.waitFor(
      async () => expect(await rows.get('1')).toEqual({ name: 'acknowledged' }),
      10_000,
    )
  })
})
