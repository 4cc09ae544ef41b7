import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient, type CacheClient, type ResilienceOptions } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { spawnProcesses, startRedis, type ProcessGroup } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createWriteBehind } from '../src/index.js'
import type { Start } from './processes/worker.js'

const WRITES = process.env.CHAOS ? 100_000 : 4_000
const IDS = 50
const OWNERSHIP_TTL = 1_000
/** Milliseconds that a busy machine may add. */
const SLACK = 1_000
/** A tick that is due after 10 ms and takes this many ms means that the machine stood still. */
const PAUSE = 150

interface Flushed {
  readonly type: 'flush'
  readonly fence: number
  readonly partition: number
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp()
})

/** For clients whose Redis is killed. */
const SHORT_TIMEOUTS = {
  readTimeout: 300,
  writeTimeout: 500,
  breaker: { failures: 5, cooldown: 100 },
} as const
/** For clients whose Redis is always available. */
const LONG_TIMEOUTS = { readTimeout: '5s', writeTimeout: '5s' } as const

function connect(
  url: string,
  kind: 'ioredis' | 'node-redis',
  resilience: ResilienceOptions,
): CacheClient {
  if (kind === 'ioredis') {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    redis.on('error', () => undefined)
    cleanups.push(() => redis.disconnect())
    return createCacheClient(ioredisDriver(redis), { resilience })
  }
  const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
  redis.on('error', () => undefined)
  cleanups.push(() => redis.destroy())
  return createCacheClient(nodeRedisDriver(redis), { resilience })
}

function workers(data: Omit<Start, 'client'>): {
  readonly flushes: Flushed[]
  readonly running: ProcessGroup[]
  start(index: number): Promise<void>
} {
  const flushes: Flushed[] = []
  const running: ProcessGroup[] = []
  const start = async (index: number): Promise<void> => {
    const group = spawnProcesses(new URL('processes/worker.ts', import.meta.url), {
      data: { ...data, client: index % 2 === 0 ? 'ioredis' : 'node-redis' } satisfies Start,
    })
    cleanups.push(() => group.stop())
    running[index] = group
    await group.all('ready', { timeout: 60_000 })
    void (async () => {
      for (;;) flushes.push(await group.processes[0]!.next<Flushed>('flush', { timeout: 600_000 }))
    })().catch(() => undefined)
  }
  return { flushes, running, start }
}

/**
 * Measures for how long this process, and so perhaps the machine, stands still. The returned
 * function ends the measurement and returns the milliseconds.
 */
function measurePauses(): () => number {
  let pausedFor = 0
  let last = performance.now()
  const tick = (): void => {
    const now = performance.now()
    if (now - last > PAUSE) pausedFor += now - last
    last = now
  }
  const timer = setInterval(tick, 10)
  return () => {
    clearInterval(timer)
    tick()
    return pausedFor
  }
}

describe(`${WRITES} acknowledged writes, Redis with appendfsync always`, () => {
  it.each([false, true])(
    'survive SIGKILLs of workers and Redis and a failing database, in order (coalesced: %j)',
    async (coalesce) => {
      await using queue = await startRedis({ aof: 'always' })
      await using database = await startRedis()
      const { start, running } = workers({
        queue: queue.url,
        database: database.url,
        failing: 0.1,
        coalesce,
        ownershipTtl: OWNERSHIP_TTL,
      })
      await Promise.all([0, 1, 2].map(start))
      const acknowledged = new Map<string, number>()
      const done = new AbortController()
      let redisKilled = 0

      /** Kills a worker at regular intervals, and Redis too in every third round. */
      const killRepeatedly = async (): Promise<void> => {
        for (let round = 0; !done.signal.aborted; round++) {
          if (round % 3 === 0) {
            await queue.kill()
            redisKilled++
            await sleep(100)
            await queue.restart()
          }
          const index = round % 3
          await running[index]!.stop()
          await start(index)
          await sleep(400, undefined, { signal: done.signal }).catch(() => undefined)
        }
      }

      let killing: Promise<void> | undefined
      const write = async (client: CacheClient, share: number): Promise<void> => {
        const rows = createWriteBehind<{ n: number } | null, string, { n: number }>({
          client,
          prefix: 'rows',
          ttl: '1h',
          load: async () => null,
        })
        for (let i = 0; i < WRITES / 2; i++) {
          const id = `${share}-${i % (IDS / 2)}`
          for (;;) {
            try {
              await rows.put(id, { n: i })
              acknowledged.set(id, i)
              // Starts in the middle of the writes, however fast they are.
              if (i > WRITES / 8) killing ??= killRepeatedly()
              break
            } catch {
              await sleep(10)
            }
          }
        }
      }
      await Promise.all([
        write(connect(queue.url, 'ioredis', SHORT_TIMEOUTS), 0),
        write(connect(queue.url, 'node-redis', SHORT_TIMEOUTS), 1),
      ])
      done.abort()
      await killing
      expect(redisKilled).toBeGreaterThan(0)

      const rows = createWriteBehind<{ n: number } | null, string, { n: number }>({
        client: connect(queue.url, 'ioredis', LONG_TIMEOUTS),
        prefix: 'rows',
        ttl: '1h',
        load: async () => null,
      })
      await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), {
        timeout: 60_000,
        interval: 100,
      })
      expect(await rows.deadLetters.list()).toEqual([])
      const table = new Redis(database.url)
      cleanups.push(() => table.disconnect())
      expect(acknowledged.size).toBe(IDS)
      const state = await table.hgetall('rows')
      expect(state).toEqual(Object.fromEntries([...acknowledged].map(([id, n]) => [id, String(n)])))
      for (const id of acknowledged.keys()) {
        const order = (await table.lrange(`order:${id}`, 0, -1)).map(Number)
        for (const [i, n] of order.entries())
          if (i > 0) expect(n).toBeGreaterThanOrEqual(order[i - 1]!)
        // A write with an unknown outcome was repeated, so it may be there twice. None is missing.
        if (!coalesce) expect(new Set(order).size).toBe(WRITES / IDS)
      }
    },
    600_000,
  )
})

describe('workers', () => {
  it('share partitions evenly with growing fences, and take over those of a dead one', async () => {
    await using queue = await startRedis()
    await using database = await startRedis()
    const client = connect(queue.url, 'ioredis', LONG_TIMEOUTS)
    const rows = createWriteBehind<{ n: number }, string, { n: number }>({
      client,
      prefix: 'rows',
      ttl: '1h',
      load: async () => ({ n: 0 }),
    })
    const { start, running, flushes } = workers({
      queue: queue.url,
      database: database.url,
      failing: 0,
      coalesce: true,
      ownershipTtl: OWNERSHIP_TTL,
    })
    const writing = new AbortController()
    const writer = (async () => {
      for (let n = 1; !writing.signal.aborted; n++) {
        await Promise.all(Array.from({ length: 40 }, (_, i) => rows.put(`r${i}`, { n })))
        await sleep(10)
      }
    })()
    /** Returns the worker that owns each partition: its token without the number of the attempt. */
    const ownersOf = async (): Promise<string[]> => {
      const tokens = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          client.send({
            args: ['GET', `rows:{rows:${i}}:owner`],
            keys: [`rows:{rows:${i}}:owner`],
          }),
        ),
      )
      return tokens.map((token) => String(token).split('/')[0]!)
    }
    /** Returns how many partitions each owner has. */
    const shares = (owners: readonly string[]): number[] => {
      const counts = new Map<string, number>()
      for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1)
      return [...counts.values()].sort((a, b) => a - b)
    }
    const expectedShares = (workers: number): number[] =>
      Array.from({ length: workers }, (_, i) => Math.floor((8 + i) / workers))
    /** Waits until the partitions are shared evenly. Resolves to the owner of each. */
    const evenShares = (workers: number) =>
      vi.waitFor(async () => {
        const owners = await ownersOf()
        expect(shares(owners)).toEqual(expectedShares(workers))
        return owners
      }, 30_000)
    const stopWorker = async (index: number) => {
      running[index]!.send('stop')
      await running[index]!.all('stopped', { timeout: 20_000 })
    }
    await start(0)
    await evenShares(1)
    await start(1)
    await evenShares(2)
    await Promise.all([start(2), start(3)])
    await evenShares(4)
    await Promise.all([4, 5, 6, 7].map(start))
    await evenShares(8)
    await Promise.all([4, 5, 6, 7].map(stopWorker))
    const before = await evenShares(4)
    // The partitions of the killed worker are those that no worker renews.
    await running[3]!.processes[0]!.kill()
    const killedAt = performance.now()
    const stopMeasuring = measurePauses()
    let takeoverTime = 0
    await vi.waitFor(
      async () => {
        const owners = await ownersOf()
        const alive = new Set(owners)
        expect(owners).not.toContain('null')
        expect([...new Set(before)].filter((owner) => !alive.has(owner))).toHaveLength(1)
        takeoverTime = performance.now() - killedAt
      },
      { timeout: 30_000, interval: 10 },
    )
    expect(takeoverTime - stopMeasuring()).toBeLessThan((OWNERSHIP_TTL * 4) / 3 + SLACK)
    await evenShares(3)
    await stopWorker(2)
    await evenShares(2)
    writing.abort()
    await writer
    await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), 20_000)

    // No worker flushed a partition after it had a later owner.
    const table = new Redis(database.url)
    cleanups.push(() => table.disconnect())
    expect(await table.lrange('late', 0, -1)).toEqual([])
    // Messages of different processes may arrive out of order. A partition had as many fences as
    // owners.
    const fences = new Map<number, Set<number>>()
    for (const { partition, fence } of flushes)
      fences.set(partition, (fences.get(partition) ?? new Set()).add(fence))
    expect(fences.size).toBe(8)
    expect(Math.max(...[...fences.values()].map(({ size }) => size))).toBeGreaterThan(1)
    const last = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        client.send({ args: ['GET', `rows:{rows:${i}}:fence`], keys: [`rows:{rows:${i}}:fence`] }),
      ),
    )
    for (const [partition, seen] of fences)
      expect(Math.max(...seen)).toBeLessThanOrEqual(Number(last[partition]))
  }, 300_000)

  it('trim streams: many flushed writes leave memory as it was', async () => {
    await using queue = await startRedis()
    await using database = await startRedis()
    const client = connect(queue.url, 'ioredis', LONG_TIMEOUTS)
    const rows = createWriteBehind<{ n: number }, string, { n: number }>({
      client,
      prefix: 'rows',
      ttl: '1h',
      load: async () => ({ n: 0 }),
    })
    const { start } = workers({
      queue: queue.url,
      database: database.url,
      failing: 0,
      coalesce: true,
      ownershipTtl: OWNERSHIP_TTL,
    })
    await start(0)
    const used = async (): Promise<number> =>
      Number(/used_memory_dataset:(\d+)/.exec(await queue.cli('INFO', 'memory'))![1])
    const flush = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 200)
        await Promise.all(Array.from({ length: 200 }, (_, j) => rows.put(`r${j}`, { n: i })))
      await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), {
        timeout: 120_000,
        interval: 50,
      })
    }
    await flush(2_000)
    const before = await used()
    await flush(process.env.CHAOS ? 1_000_000 : 20_000)
    expect((await used()) - before).toBeLessThan(1_000_000)
  }, 600_000)
})
