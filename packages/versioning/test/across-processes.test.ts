import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVersioned } from '../src/index.js'
import type { Start } from './processes/reader.js'

const WRITES = process.env.CHAOS ? 10_000 : 100
/** Reads of every process, at least: one that is slow is waited for. */
const READS = process.env.CHAOS ? 1_000 : 50

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

describe.each<Omit<Start, 'url' | 'reads'>>([
  { strategy: 'stamp', learnt: false },
  { strategy: 'stamp', learnt: true },
  { strategy: 'key', learnt: false },
])(
  'between processes, %o',
  (how) => {
    it(`no read is stale while ${WRITES} bumps race loads in 3 processes`, async () => {
      await server.flush()
      const redis = new Redis(server.url)
      const client = createCacheClient(ioredisDriver(redis), {
        namespace: 'shop',
        resilience: { readTimeout: '20s', writeTimeout: '20s' },
      })
      const { bump } = createVersioned({
        client,
        prefix: 'n',
        ttl: '1h',
        load: () => 0,
        groups: () => [],
      })
      await redis.mset('source', 0, 'settled', 0)
      await using group = spawnProcesses(new URL('./processes/reader.ts', import.meta.url), {
        count: 3,
        data: { url: server.url, reads: READS, ...how } satisfies Start,
      })
      await group.all('ready')
      let enough = false
      const read = group.all('enough', { timeout: 120_000 }).finally(() => {
        enough = true
      })
      read.catch(() => undefined)
      for (let wrote = 1; wrote <= WRITES || !enough; wrote++) {
        await redis.set('source', wrote)
        await bump('race')
        await redis.set('settled', wrote)
        if (wrote % 7 === 0) await redis.del('shop:version-of:race')
        if (wrote % 3 === 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
      }
      await read
      group.send('stop')
      const done = await group.all<{ stale: string[]; reads: number }>('done', { timeout: 60_000 })
      expect(done.flatMap(({ stale }) => stale)).toEqual([])
      expect(Math.min(...done.map(({ reads }) => reads))).toBeGreaterThanOrEqual(READS)
      redis.disconnect()
    })
  },
  600_000,
)
