import { canSetClock, spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Start } from './processes/worker.js'
import { Setup, connect, findKey, clientKinds } from './setup.js'

const HOUR = 3_600_000
const TTL = 600

describe.skipIf(!canSetClock()).each(clientKinds)('a changed server clock, on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis({ clock: true })))
  afterAll(() => redis.stop())
  beforeEach(async () => {
    await redis.flush()
    await redis.setClock(0)
  })

  it.each([
    ['forward', HOUR],
    ['back', -HOUR],
  ])(
    '%s by an hour: writes are flushed in order, with growing sequences and fences',
    async (_, offset) => {
      await using client = connect(kind, redis.url)
      await using setup = new Setup(client)
      const rows = setup.rows()
      const { worker } = setup.startWorker({ ownershipTtl: TTL, coalesce: false })
      await vi.waitFor(() => expect(worker.partitions).toEqual([0]), 5_000)
      const write = async (from: number) => {
        for (let age = from; age < from + 5; age++) await rows.put('1', { name: 'x', age })
        await rows.flushed('1')
      }
      await write(0)
      const fence = Number(await redis.cli('GET', await findKey(redis, 'fence')))
      await redis.setClock(offset)
      await write(5)
      await redis.setClock(0)
      await write(10)
      const writes = setup.table.calls.flat()
      expect(writes.map(({ value }) => value?.age)).toEqual(
        Array.from({ length: 15 }, (__, i) => i),
      )
      for (const [i, { sequence }] of writes.entries())
        if (i > 0) expect(sequence).toBeGreaterThan(writes[i - 1]!.sequence)
      expect(Number(await redis.cli('GET', await findKey(redis, 'fence')))).toBeGreaterThanOrEqual(
        fence,
      )
      await rows.close()
    },
  )

  it('back by an hour: a write that fails is retried and becomes a dead letter', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    setup.startWorker({
      ownershipTtl: TTL,
      flush: async () => {
        throw new Error('no')
      },
    })
    await rows.put('1', { name: 'x' })
    await redis.setClock(-HOUR)
    await expect(rows.flushed('1')).rejects.toThrow('could not be flushed')
    await rows.close()
  })

  it('back by an hour: the partitions of a killed worker get a new owner and fence', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    await using database = await startRedis()
    const rows = setup.rows({ partitions: 8 })
    await using dead = spawnProcesses(new URL('processes/worker.ts', import.meta.url), {
      data: {
        queue: redis.url,
        database: database.url,
        client: kind,
        failing: 0,
        coalesce: true,
        ownershipTtl: TTL,
      } satisfies Start,
    })
    await dead.all('ready', { timeout: 60_000 })
    await vi.waitFor(
      async () => expect((await redis.cli('KEYS', '*:owner')).split('\n')).toHaveLength(8),
      10_000,
    )
    const before = Number(await redis.cli('GET', await findKey(redis, 'fence')))
    await dead.processes[0]!.kill()
    await redis.setClock(-HOUR)
    const { worker } = setup.startWorker({ partitions: 8, ownershipTtl: TTL })
    await rows.put('1', { name: 'x' })
    await rows.flushed('1')
    await vi.waitFor(() => expect(worker.partitions).toHaveLength(8), 10_000)
    expect(Number(await redis.cli('GET', await findKey(redis, 'fence')))).toBeGreaterThan(before)
    await rows.close()
  }, 60_000)
})
