import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHierarchical } from '../src/index.js'
import type { Start } from './processes/reader.js'

const WRITES = process.env.CHAOS ? 10_000 : 120
/** Reads of every process, at least: one that is slow is waited for. */
const READS = process.env.CHAOS ? 1_000 : 50

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

describe('between processes that store groups in different ways', () => {
  it(`no read is stale while ${WRITES} changes and moves race loads in 3 processes`, async () => {
    await server.flush()
    const redis = new Redis(server.url)
    const client = createCacheClient(ioredisDriver(redis), {
      namespace: 'shop',
      resilience: { readTimeout: '20s', writeTimeout: '20s' },
    })
    const rows = [0, 1].map((id) => ({ id, group: id, changes: 0 }))
    const { invalidate } = createHierarchical({
      client,
      ttl: '1h',
      item: { prefix: 'item', id: (item: { id: number; group: number }) => item.id },
      group: { prefix: 'group', id: (item: { id: number; group: number }) => item.group },
      groupOf: (id: number) => rows[id]!.group,
      loadGroup: () => [],
    })
    const tell = (key: string) => redis.set(key, JSON.stringify(rows))
    await tell('source')
    await tell('settled')
    await using group = spawnProcesses(new URL('./processes/reader.ts', import.meta.url), {
      count: 3,
      data: { url: server.url, reads: READS } satisfies Start,
    })
    await group.all('ready')
    let enough = false
    const read = group.all('enough', { timeout: 120_000 }).finally(() => {
      enough = true
    })
    read.catch(() => undefined)
    for (let wrote = 1; wrote <= WRITES || !enough; wrote++) {
      const row = rows[wrote % 2]!
      row.changes++
      if (Math.random() < 0.3) row.group = 1 - row.group
      await tell('source')
      await invalidate(row.id)
      await tell('settled')
      if (wrote % 7 === 0)
        await redis.del('shop:version-of:group%3A0', 'shop:version-of:item%3A%3Achanges')
      if (wrote % 3 === 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
    }
    await read
    group.send('stop')
    const done = await group.all<{ stale: string[]; reads: number }>('done', { timeout: 60_000 })
    expect(done.flatMap(({ stale }) => stale)).toEqual([])
    expect(Math.min(...done.map(({ reads }) => reads))).toBeGreaterThanOrEqual(READS)
    redis.disconnect()
  })
}, 600_000)
