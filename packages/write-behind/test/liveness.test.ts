import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Setup, connect, findKey, clientKinds } from './setup.js'

const TTL = 600

describe.each(clientKinds)('a worker, on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())
  beforeEach(() => redis.flush())

  it('loses no partition when flushes take longer than ownershipTtl', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows({ partitions: 4 })
    const running = new Set<number>()
    let [overlaps, lost] = [0, 0]
    const flush = async (
      _: unknown,
      { partition, signal }: { partition: number; signal: AbortSignal },
    ) => {
      if (running.has(partition)) overlaps++
      running.add(partition)
      await sleep(2 * TTL)
      running.delete(partition)
      if (signal.aborted) lost++
    }
    const first = setup.startWorker({ partitions: 4, ownershipTtl: TTL, flush })
    await vi.waitFor(() => expect(first.worker.partitions).toHaveLength(4), 5_000)
    await rows.putMany(Array.from({ length: 40 }, (_, i) => [`r${i}`, { name: 'x' }]))
    await vi.waitFor(() => expect(running.size).toBe(4), 5_000)
    const second = setup.startWorker({ partitions: 4, ownershipTtl: TTL, flush })
    await vi.waitFor(
      () => {
        expect(first.worker.partitions).toHaveLength(2)
        expect(second.worker.partitions).toHaveLength(2)
      },
      { timeout: 15_000, interval: 20 },
    )
    expect({ overlaps, lost }).toEqual({ overlaps: 0, lost: 0 })
    await rows.close()
  })

  it('aborts and repeats a flush after flushTimeout; other partitions continue', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows({ partitions: 2 })
    let aborts = 0
    let hangingPartition: number | undefined
    const { worker } = setup.startWorker({
      partitions: 2,
      ownershipTtl: TTL,
      flushTimeout: 1_000,
      flush: async (writes, { signal, partition }) => {
        if (hangingPartition === undefined) {
          hangingPartition = partition
          signal.addEventListener('abort', () => aborts++)
          await new Promise(() => undefined)
        }
        await setup.table.upsert(writes)
      },
    })
    await vi.waitFor(() => expect(worker.partitions).toHaveLength(2), 5_000)
    await rows.put('a', { name: 'x' })
    await vi.waitFor(() => expect(hangingPartition).toBeDefined(), 5_000)
    await rows.putMany(Array.from({ length: 20 }, (_, i) => [`r${i}`, { name: 'x' }]))
    await vi.waitFor(() => expect(setup.table.rows.size).toBeGreaterThan(0), 5_000)
    expect(aborts).toBe(0)
    await rows.flushed('a')
    expect(aborts).toBe(1)
    expect(worker.partitions).toHaveLength(2)
    await rows.close()
  })

  it('allows a flush more time than any timer of Node.js', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    let aborts = 0
    let calls = 0
    setup.startWorker({
      ownershipTtl: '40d',
      flushTimeout: '60d',
      drainTimeout: '60d',
      flush: async (writes, { signal }) => {
        calls++
        signal.addEventListener('abort', () => aborts++)
        await sleep(50)
        await setup.table.upsert(writes)
      },
    })
    await rows.put('a', { name: 'x' })
    await rows.flushed('a')
    expect({ calls, aborts }).toEqual({ calls: 1, aborts: 0 })
    await rows.close()
  })

  it('does not call flush for a partition that it has lost', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.putMany([
      ['bad', { name: 'unreadable' }],
      ['good', { name: 'good' }],
    ])
    let owner: string | undefined
    // Both writes are read, and then another worker takes the partition. This worker learns of it
    // when it moves the unreadable write to the dead letters.
    const validate = async (value: unknown) => {
      owner ??= await findKey(redis, 'owner')
      await redis.cli('SET', owner, 'another worker')
      return (value as { name: string }).name === 'good'
        ? { value: value as { name: string } }
        : { issues: [{ message: 'unreadable' }] }
    }
    let calls = 0
    const { worker, end } = setup.startWorker({
      ownershipTtl: TTL,
      drainTimeout: 200,
      schema: { '~standard': { version: 1, vendor: 'test', validate } },
      flush: async () => {
        calls++
        await new Promise(() => undefined)
      },
    })
    await vi.waitFor(() => expect(owner).toBeDefined(), 5_000)
    await vi.waitFor(() => expect(worker.partitions).toEqual([]), 5_000)
    await end()
    expect(calls).toBe(0)
    await rows.close()
  })

  it('ends after drainTimeout; an unfinished flush leaves its writes and its owner', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    let flushing = false
    let reason: unknown
    const first = setup.startWorker({
      ownershipTtl: TTL,
      drainTimeout: 200,
      flush: async (_, { signal }) => {
        flushing = true
        signal.addEventListener('abort', () => {
          reason = signal.reason
        })
        await sleep(5_000, undefined, { ref: false })
      },
    })
    await rows.put('1', { name: 'x' })
    await vi.waitFor(() => expect(flushing).toBe(true), 5_000)
    const started = performance.now()
    await first.end()
    expect(performance.now() - started).toBeLessThan(3_000)
    expect(String(reason)).toContain('drainTimeout')
    expect(await findKey(redis, 'owner')).not.toBe('')
    setup.startWorker({ ownershipTtl: TTL })
    await rows.flushed('1')
    expect(setup.table.rows.size).toBe(1)
    await rows.close()
  })

  it('is not held back by an id that fails, however many writes it has', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    const bad = ['bad', 'worse', 'worst']
    await rows.putMany(
      bad.flatMap((id) =>
        Array.from({ length: 600 }, (_, age) => [id, { name: id, age }] as const),
      ),
    )
    await rows.put('good', { name: 'good' })
    let broken = true
    setup.startWorker({
      batchSize: 10,
      retry: { attempts: 1_000, backoff: 50, max: '1m', factor: 100 },
      flush: async (writes) => {
        await setup.table.upsert(writes.filter(({ id }) => !broken || id === 'good'))
        return broken
          ? writes
              .filter(({ id }) => id !== 'good')
              .map(({ id }) => ({ id, error: new Error('no') }))
          : undefined
      },
    })
    await rows.flushed('good')
    broken = false
    await rows.close()
  })

  it('flushes all writes of an id that failed before, including reread ones', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.putMany([
      ...Array.from({ length: 1_500 }, (_, age) => ['bad', { name: 'bad', age }] as const),
      ['good', { name: 'good' }],
    ])
    let broken = true
    const ages: (number | undefined)[] = []
    setup.startWorker({
      batchSize: 10,
      coalesce: false,
      retry: { attempts: 1_000, backoff: 20, max: 50 },
      flush: async (writes) => {
        const refused = writes.filter(({ id }) => broken && id === 'bad')
        for (const { id, value } of writes) if (id === 'bad' && !broken) ages.push(value?.age)
        return refused.map(({ sequence }) => ({ sequence, error: new Error('no') }))
      },
    })
    await rows.flushed('good')
    broken = false
    await rows.flushed('bad')
    expect(ages).toEqual(Array.from({ length: 1_500 }, (_, i) => i))
    await rows.close()
  })

  it('finds the write that makes whole batches fail while others keep coming', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    let bad = 0
    let written = 0
    setup.startWorker({
      flush: async (writes) => {
        if (!writes.some(({ id }) => id === 'bad')) return setup.table.upsert(writes)
        bad++
        throw new Error('the batch has a bad one')
      },
    })
    await rows.put('bad', { name: 'bad' })
    let isDead = false
    const dead = rows
      .flushed('bad')
      .catch((error: Error) => error.name)
      .finally(() => {
        isDead = true
      })
    while (!isDead && bad < 25) {
      await rows.putMany(Array.from({ length: 5 }, () => [`r${++written}`, { name: 'good' }]))
      await sleep(5)
    }
    expect(bad).toBeLessThan(25)
    expect(await dead).toBe('DeadLetterError')
    expect(await rows.deadLetters.list()).toMatchObject([{ id: 'bad', attempts: 3 }])
    await rows.flushed(`r${written}`)
    await rows.close()
  })

  it('flushes a stream that was replaced by an older one', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    setup.startWorker({ ownershipTtl: '10s' })
    await rows.put('a', { name: 'a' })
    await rows.flushed('a')
    const stream = await findKey(redis, 'stream')
    await redis.cli('XSETID', stream, `${BigInt(Date.now() + 3_600_000) * 1_000n}-0`)
    await rows.put('b', { name: 'b' })
    await rows.flushed('b')
    await redis.cli('DEL', stream)
    for (let i = 0; i < 5; i++) await rows.put(`c${i}`, { name: 'c' })
    for (let i = 0; i < 5; i++) await rows.flushed(`c${i}`)
    expect([...setup.table.rows.keys()].sort()).toEqual(['a', 'b', 'c0', 'c1', 'c2', 'c3', 'c4'])
    await rows.close()
  })

  it('gives back a partition that it acquired without receiving the reply', async () => {
    await using proxy = await startProxy(redis)
    await using proxiedClient = connect(kind, proxy.url, {
      readTimeout: 200,
      writeTimeout: 200,
      breaker: { failures: 1_000, cooldown: 50 },
    })
    await using client = connect(kind, redis.url)
    await using proxiedSetup = new Setup(proxiedClient)
    await using setup = new Setup(client)
    await setup.rows().pending()
    const lost = proxiedSetup.startWorker({ ownershipTtl: '1m' })
    await vi.waitFor(() => expect(lost.worker.partitions).toEqual([0]), 5_000)
    await lost.end()
    // Only the acquisition is held back, since the heartbeat was sent before.
    const second = proxiedSetup.startWorker({ ownershipTtl: '1m' })
    await sleep(5)
    const held = proxy.hold()
    await sleep(400)
    proxy.drop()
    await second.end()
    await held.deliver().catch(() => undefined)
    await vi.waitFor(async () => expect(await findKey(redis, 'owner')).toBe(''), {
      timeout: 10_000,
      interval: 20,
    })
    await setup.rows().put('1', { name: 'x' })
    setup.startWorker({ ownershipTtl: '1m' })
    await setup.rows().flushed('1')
  })
})
