import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHierarchical } from '../src/index.js'
import type { Start } from './processes/reader.js'

const WRITES = process.env.CHAOS ? 10_000 : 120

let server: RedisServer
beforeAll(async () => { server = await startRedis() })
afterAll(() => server.stop())

describe('between processes, which keep groups in different ways', () => {
  it(`${WRITES} changes and moves race loads in 3 processes: nothing stale`, async () => {
    await server.flush()
    const redis = new Redis(server.url)
    const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop' })
    const rows = [0, 1].map((id) => ({ id, group: id, changes: 0 }))
    const { invalidate } = createHierarchical({
      client, ttl: '1h',
      item: { prefix: 'item', id: (item: { id: number; group: number }) => item.id },
      group: { prefix: 'group', id: (item: { id: number; group: number }) => item.group },
      groupOf: (id: number) => rows[id]!.group,
      loadGroup: () => [],
    })
    const tell = (key: string) => redis.set(key, JSON.stringify(rows))
    await tell('source')
    await tell('settled')
    await using group = spawnProcesses(new URL('./processes/reader.ts', import.meta.url), { count: 3, data: { url: server.url } satisfies Start })
    await group.all('ready')
    for (let wrote = 1; wrote <= WRITES; wrote++) {
      const row = rows[wrote % 2]!
      row.changes++
      if (Math.random() < 0.3) row.group = 1 - row.group
      await tell('source')
      await invalidate(row.id)
      await tell('settled')
      if (wrote % 7 === 0) await redis.del('shop:version-of:group%3A0', 'shop:version-of:item%3A%3Achanges')
      if (wrote % 3 === 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
    }
    group.send('stop')
    const done = await group.all<{ stale: string[]; reads: number }>('done', { timeout: 60_000 })
    expect(done.flatMap(({ stale }) => stale)).toEqual([])
    expect(Math.min(...done.map(({ reads }) => reads))).toBeGreaterThan(10)
    redis.disconnect()
  })
}, 600_000)
