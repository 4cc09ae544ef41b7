import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWriteBehind, createWriteBehindWorker, type PendingWrite } from '../src/index.js'
import type { Start } from './processes/stuck-worker.js'

interface Committed {
  readonly writes: readonly (readonly [sequence: number, count: number])[]
}

const WRITES = 4_000

describe('the writes that are repeated after a worker is killed', () => {
  let server: RedisServer
  beforeAll(async () => void (server = await startRedis()))
  afterAll(() => server.stop())
  beforeEach(() => server.flush())

  it.each([
    { limit: 1_000, options: { coalesce: false }, ids: WRITES },
    { limit: 1_000, options: { coalesce: true }, ids: WRITES },
    { limit: 1_000, options: { coalesce: true }, ids: 8 },
    { limit: 150, options: { coalesce: true, maxUnconfirmed: 150 }, ids: 100 },
  ])('are at most $limit of $options, with $ids ids', async ({ limit, options, ids }) => {
    const redis = new Redis(server.url)
    await using client = createCacheClient(ioredisDriver(redis))
    const rows = createWriteBehind<{ n: number } | undefined, string>({
      client,
      prefix: 'rows',
      ttl: '1h',
      load: async () => undefined,
    })
    await rows.putMany(Array.from({ length: WRITES }, (_, n) => [`r${n % ids}`, { n }]))

    // Each partition flushes a batch, until so many writes are unconfirmed that the others wait.
    const data: Start = { url: server.url, ...options }
    const group = spawnProcesses(new URL('processes/stuck-worker.ts', import.meta.url), { data })
    const stuck = group.processes[0]!
    await group.all('ready', { timeout: 60_000 })
    const committed: (readonly [sequence: number, count: number])[] = []
    let lastAt = performance.now()
    void (async () => {
      for (;;) {
        committed.push(...(await stuck.next<Committed>('committed', { timeout: 60_000 })).writes)
        lastAt = performance.now()
      }
    })().catch(() => undefined)
    await vi.waitFor(() => expect(committed.length).toBeGreaterThan(0), 30_000)
    while (performance.now() - lastAt < 2_000) await sleep(50)
    await stuck.kill()
    await group.stop()

    const repeated = committed.reduce((sum, [, count]) => sum + count, 0)
    expect(repeated).toBeGreaterThan(limit / 2)
    expect(repeated).toBeLessThanOrEqual(limit)

    // The next worker flushes these writes again, and all others once.
    const flushed: PendingWrite<{ n: number }, string>[] = []
    const stop = new AbortController()
    const running = createWriteBehindWorker<{ n: number }>({
      client,
      prefix: 'rows',
      ownershipTtl: '3s',
      flush: (writes) => void flushed.push(...writes),
    }).run({ signal: stop.signal })
    await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), 30_000)
    stop.abort()
    await running
    expect(flushed.reduce((sum, { count }) => sum + count, 0)).toBe(WRITES)
    const lastOf = new Map(flushed.map(({ id, value }) => [id, value?.n]))
    for (let n = WRITES - ids; n < WRITES; n++) expect(lastOf.get(`r${n % ids}`)).toBe(n)
    await rows.close()
    redis.disconnect()
  })
})
