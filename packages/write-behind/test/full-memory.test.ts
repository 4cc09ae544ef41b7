import { mkdir } from 'node:fs/promises'
import { startRedisCluster, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { DeadLetterError } from '../src/index.js'
import { Setup, connect, connectCluster, findKey, clientKinds } from './setup.js'

const ids = Array.from({ length: 50 }, (_, i) => `r${i}`)

describe.each(clientKinds)('a full Redis (noeviction), on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())
  beforeEach(async () => {
    await redis.empty()
    await redis.flush()
  })

  it.each(['runs', 'starts'])(
    'is drained by a worker that %s; a refused write changes nothing',
    async (variant) => {
      await using client = connect(kind, redis.url)
      await using setup = new Setup(client)
      const rows = setup.rows()
      let open = variant === 'starts'
      let calls = 0
      const flush = async (writes: Parameters<typeof setup.table.upsert>[0]) => {
        calls++
        if (!open) throw new Error('the database is out')
        await setup.table.upsert(writes)
      }
      const { worker } =
        variant === 'runs' ? setup.startWorker({ flush, ownershipTtl: 600 }) : { worker: undefined }
      await rows.putMany(ids.map((id) => [id, { name: id }]))
      if (variant === 'runs') await vi.waitFor(() => expect(calls).toBeGreaterThan(0), 5_000)
      await redis.fill()
      await expect(rows.put('r0', { name: 'refused' })).rejects.toThrow('OOM')
      await expect(setup.rows({ prefix: 'new' }).put('r0', { name: 'refused' })).rejects.toThrow(
        'OOM',
      )
      if (worker) await vi.waitFor(() => expect(worker.partitions).toEqual([0]), 5_000)
      else setup.startWorker({ flush, ownershipTtl: 600 })
      open = true
      await Promise.all(ids.map((id) => rows.flushed(id)))
      expect(setup.table.rows.size).toBe(50)
      expect(setup.table.rows.get('r0')?.value).toEqual({ name: 'r0' })
      expect((await rows.pending()).writes).toBe(0)
      await rows.close()
    },
  )

  it('lets dead letters be created, replayed and discarded', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    let poison = true
    await rows.putMany([
      ['bad', { name: 'bad' }],
      ['worse', { name: 'worse' }],
      ['good', { name: 'good' }],
    ])
    await redis.fill()
    setup.startWorker({
      flush: async (writes) => {
        const bad = poison ? writes.filter(({ id }) => id !== 'good') : []
        await setup.table.upsert(writes.filter((write) => !bad.includes(write)))
        return bad.map(({ sequence }) => ({ sequence, error: new Error('no') }))
      },
    })
    await rows.flushed('good')
    for (const id of ['bad', 'worse'])
      await expect(rows.flushed(id)).rejects.toBeInstanceOf(DeadLetterError)
    poison = false
    const otherRows = setup.rows() // has no session yet
    for (const { letter, id } of await rows.deadLetters.list())
      expect(
        await (id === 'bad'
          ? otherRows.deadLetters.replay(letter)
          : otherRows.deadLetters.discard(letter)),
      ).toBe(true)
    await expect(otherRows.put('bad', { name: 'refused' })).rejects.toMatchObject({ code: 'OOM' })
    await Promise.all([rows.flushed('bad'), rows.flushed('worse')])
    expect(setup.table.rows.get('bad')?.value).toEqual({ name: 'bad' })
    for (const queue of [rows, otherRows]) await queue.close()
  })

  it.each(['lease', 'process'])(
    'returns pending values and loads the others (stampede: %j)',
    async (stampede) => {
      await using client = connect(kind, redis.url)
      await using setup = new Setup(client)
      const rows = setup.rows({ stampede, staleIfError: '1m' })
      setup.table.rows.set('2', { value: { name: 'of the database' }, sequence: 1 })
      await rows.put('1', { name: 'pending' })
      await redis.cli('DEL', await findKey(redis, 'entry:1'))
      await redis.fill()
      for (let i = 0; i < 2; i++) {
        expect(await rows.get('1')).toEqual({ name: 'pending' })
        expect(await rows.getMany(['1', '2'])).toEqual([
          { name: 'pending' },
          { name: 'of the database' },
        ])
      }
      expect(await findKey(redis, 'entry:1')).toBe('')
      await expect(setup.counters().update('3', 1)).rejects.toThrow('OOM')
      await rows.close()
    },
  )

  it('lets a partition be given back and acquired', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    const first = setup.startWorker({ ownershipTtl: 600 })
    await vi.waitFor(() => expect(first.worker.partitions).toEqual([0]), 5_000)
    await rows.put('1', { name: 'x' })
    await rows.flushed('1')
    await redis.fill()
    await first.end()
    expect(await findKey(redis, 'owner')).toBe('')
    const second = setup.startWorker({ ownershipTtl: 600 })
    await vi.waitFor(() => expect(second.worker.partitions).toEqual([0]), 5_000)
    await rows.close()
  })
})

describe.each(clientKinds)('a Redis that accepts no writes for another reason, on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis({ config: { save: '3600 1000000' } })
    await mkdir(`${redis.directory}/dump.rdb`) // so that it can't save there
  })
  afterAll(() => redis.stop())
  beforeEach(async () => {
    for (const { end } of Object.values(causes)) await end()
    await redis.flush()
  })

  const waitUntilRefusing = (code: string) =>
    vi.waitFor(
      async () =>
        expect(await redis.cli('SET', 'x', 'x').catch((error: Error) => error.message)).toContain(
          code,
        ),
      5_000,
    )
  const causes = {
    MISCONF: {
      begin: async () => {
        await redis.cli('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'yes')
        await redis.cli('BGSAVE')
      },
      end: () => redis.cli('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no'),
    },
    NOREPLICAS: {
      begin: () => redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '1'),
      end: () => redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '0'),
    },
  } as const

  it.each(['MISCONF', 'NOREPLICAS'] as const)(
    '%s: writes are refused; queued ones are flushed once Redis accepts writes again',
    async (code) => {
      await using client = connect(kind, redis.url)
      await using setup = new Setup(client)
      const rows = setup.rows()
      setup.table.rows.set('2', { value: { name: 'of the database' }, sequence: 1 })
      await rows.put('bad', { name: 'bad' })
      const refusing = setup.startWorker({
        ownershipTtl: 600,
        retry: { attempts: 1 },
        flush: (writes) => writes.map(({ sequence }) => ({ sequence, error: new Error('no') })),
      })
      await expect(rows.flushed('bad')).rejects.toBeInstanceOf(DeadLetterError)
      await refusing.end()
      const [letter] = await rows.deadLetters.list()
      await rows.put('1', { name: 'one' })
      await rows.put('3', { name: 'three' })
      await redis.cli('DEL', await findKey(redis, 'entry:3'))
      let isOpen = false
      const { worker } = setup.startWorker({
        // Longer than the time in which the server refuses to renew it.
        ownershipTtl: '10s',
        retry: { attempts: 1_000, backoff: 20, max: 50 },
        flush: async (writes) => {
          if (!isOpen) throw new Error('the database is out')
          await setup.table.upsert(writes)
        },
      })
      await vi.waitFor(() => expect(worker.partitions).toEqual([0]), 5_000)
      await causes[code].begin()
      await waitUntilRefusing(code)
      await expect(rows.put('1', { name: 'refused' })).rejects.toMatchObject({ code })
      await expect(rows.delete('1')).rejects.toMatchObject({ code })
      await expect(rows.deadLetters.replay(letter!.letter)).rejects.toMatchObject({ code })
      await expect(rows.deadLetters.discard(letter!.letter)).rejects.toMatchObject({ code })
      expect(await rows.deadLetters.list()).toEqual([letter])
      expect(await rows.get('1')).toEqual({ name: 'one' })
      // A server that can't save has all acknowledged writes. A server without its replicas may
      // have been replaced.
      if (code === 'MISCONF')
        expect(await rows.getMany(['2', '3'])).toEqual([
          { name: 'of the database' },
          { name: 'three' },
        ])
      else for (const id of ['2', '3']) await expect(rows.get(id)).rejects.toMatchObject({ code })
      isOpen = true
      // The writes are flushed, but still in the queue.
      await vi.waitFor(() => expect(setup.table.rows.size).toBeGreaterThan(1), 5_000)
      expect((await rows.pending()).writes).toBe(2)
      await causes[code].end()
      await rows.put('4', { name: 'four' })
      await Promise.all(['1', '3', '4'].map((id) => rows.flushed(id)))
      expect(['1', '3', '4'].map((id) => setup.table.rows.get(id)?.value?.name)).toEqual([
        'one',
        'three',
        'four',
      ])
      expect((await rows.pending()).writes).toBe(0)
      await rows.close()
    },
  )
})

describe.each(clientKinds)('a full Cluster, on %s', (kind) => {
  it('is drained', async () => {
    await using cluster = await startRedisCluster({ primaries: 3 })
    const nodes = new Map(
      cluster.nodes.map((node) => [
        `${node.host}:${node.port}`,
        { host: node.host, port: node.port },
      ]),
    )
    await using client = connectCluster(kind, nodes, { readTimeout: '5s', writeTimeout: '5s' })
    await using setup = new Setup(client)
    const rows = setup.rows({ partitions: 8 })
    await vi.waitFor(() => rows.putMany(ids.map((id) => [id, { name: id }])), { timeout: 10_000 })
    for (const node of cluster.primaries) await node.fill()
    setup.startWorker({ partitions: 8 })
    await Promise.all(ids.map((id) => rows.flushed(id)))
    expect(setup.table.rows.size).toBe(50)
    await rows.close()
  })
})
