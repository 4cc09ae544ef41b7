import { setTimeout as sleep } from 'node:timers/promises'
import { slot, type CacheClient } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  BackpressureError,
  DeadLetterError,
  createWriteBehind,
  createWriteBehindWorker,
  type PendingWrite,
  type WriteBehindWorkerOptions,
} from '../src/index.js'
import { Table, cases, type Row } from './cases.js'

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

describe.each(cases)('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  let client: CacheClient
  let table: Table
  const stops: (() => Promise<unknown>)[] = []
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(async () => {
    await stage.flush()
    client = stage.driver()
    table = new Table()
  })
  afterEach(async () => {
    await Promise.all(stops.splice(0).map((stop) => stop()))
    await client.close()
    expect(unhandled).toEqual([])
  })

  const createMerging = (overrides: object = {}) =>
    createWriteBehind({
      client,
      prefix: 'rows',
      ttl: '1h',
      load: table.load,
      merge: (current, patch: Partial<Row>): Row => ({ name: 'nobody', ...current, ...patch }),
      ...overrides,
    })
  const createRows = (overrides: object = {}) =>
    createWriteBehind<Row | null, string, Row>({
      client,
      prefix: 'rows',
      ttl: '1h',
      load: table.load,
      ...overrides,
    })

  function startWorker(overrides: Partial<WriteBehindWorkerOptions<Row, string>> = {}) {
    const worker = createWriteBehindWorker<Row, string>({
      client,
      prefix: 'rows',
      flush: table.upsert,
      ownershipTtl: '5s',
      linger: 5,
      retry: { attempts: 3, backoff: 20, max: 100 },
      ...overrides,
    })
    const stop = new AbortController()
    const running = worker.run({ signal: stop.signal })
    const end = async () => {
      stop.abort()
      await running
    }
    stops.push(end)
    return { worker, end }
  }

  async function allKeys(): Promise<string[]> {
    const keys: string[] = []
    for await (const page of client.scan({ glob: '*' })) keys.push(...page)
    return keys.sort()
  }

  it('the queue is a part of the health of its client', async () => {
    const rows = createRows()
    await rows.put('1', { name: 'Ada' })
    await rows.put('2', { name: 'Bob' })
    expect((await client.health()).parts).toMatchObject([
      { name: 'queue rows', healthy: false, details: { writes: 2 } },
    ])
    startWorker()
    await vi.waitFor(
      async () =>
        expect((await client.health()).parts).toMatchObject([
          { healthy: true, details: { writes: 0, unowned: 0 } },
        ]),
      { timeout: 20_000 },
    )
    await rows.close()
    expect((await client.health()).parts).toEqual([])
  })

  it('the queue is no part of the health of its client once the client is closed', async () => {
    createRows()
    await client.close()
    expect((await client.health()).parts).toEqual([])
  })

  it('an acknowledged write is readable at once, and reaches the database', async () => {
    const rows = createRows()
    await rows.put('1', { name: 'Ada' })
    expect(await rows.get('1')).toEqual({ name: 'Ada' })
    expect(table.rows.size).toBe(0)
    expect(await rows.pending()).toMatchObject({ writes: 1, oldest: expect.any(Number) })
    startWorker()
    await rows.flushed('1')
    expect(table.rows.get('1')?.value).toEqual({ name: 'Ada' })
    expect(await rows.pending()).toMatchObject({ writes: 0, oldest: 0 })
    expect(table.loads).toBe(0)
  })

  it('a read returns the pending value if the entry was evicted', async () => {
    const rows = createRows()
    table.rows.set('1', { value: { name: 'old' }, sequence: 0 })
    expect(await rows.get('1')).toEqual({ name: 'old' })
    await rows.put('1', { name: 'new' })
    const evict = async () => {
      for (const key of await allKeys())
        if (key.includes(':entry:')) await client.send({ args: ['DEL', key], keys: [key] })
    }
    await evict()
    expect(await rows.get('1')).toEqual({ name: 'new' })
    await evict()
    expect(await rows.getMany(['1', '2'])).toEqual([{ name: 'new' }, null])
    await evict()
    expect(await rows.peek('1')).toEqual({ name: 'new' })
    expect(await rows.has('1')).toBe(true)
    expect(await rows.has('unknown')).toBe(false)
    expect(table.loads).toBe(2) // once before, once for '2'
  })

  it('a stale entry with a pending write is not reloaded from the database', async () => {
    const rows = createRows({ ttl: 30, staleWhileRevalidate: '1h' })
    table.rows.set('1', { value: { name: 'old' }, sequence: 0 })
    await rows.put('1', { name: 'new' })
    await sleep(50)
    for (let i = 0; i < 10; i++) {
      expect(await rows.get('1')).toEqual({ name: 'new' })
      await sleep(10)
    }
    expect(table.loads).toBe(0)
  })

  it('a reader that loaded before a write cannot cache what it loaded', async () => {
    let release!: () => void
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let loading = false
    const slow = createRows({
      load: async () => {
        loading = true
        await held
        return { name: 'old' }
      },
    })
    const reading = slow.get('1')
    await vi.waitFor(() => expect(loading).toBe(true), { timeout: 10_000 })
    await slow.put('1', { name: 'new' })
    release()
    expect(await reading).toEqual({ name: 'old' })
    expect(await slow.get('1')).toEqual({ name: 'new' })
  })

  it('patches are merged with the current value, and none of many writers is lost', async () => {
    const rows = createMerging()
    table.rows.set('1', { value: { name: 'Ada' }, sequence: 0 })
    expect(await rows.update('1', { age: 36 })).toEqual({ name: 'Ada', age: 36 })
    expect(await rows.update('2', { age: 1 })).toEqual({ name: 'nobody', age: 1 })
    const others = Array.from({ length: 4 }, () =>
      createWriteBehind({
        client: stage.driver(),
        prefix: 'rows',
        ttl: '1h',
        load: table.load,
        merge: (current, patch: object) => ({ ...current, ...patch }) as Row,
      }),
    )
    await Promise.all(
      others.flatMap((other, i) =>
        Array.from({ length: 5 }, (_, j) => other.update('1', { [`${i}-${j}`]: 1 })),
      ),
    )
    const merged = (await others[0]!.get('1')) as object
    expect(Object.keys(merged)).toHaveLength(22)
    startWorker()
    await rows.flushed('1')
    expect(table.rows.get('1')?.value).toEqual(merged)
  })

  it('a deleted row is gone at once, and later from the database', async () => {
    const rows = createRows()
    await rows.put('1', { name: 'Ada' })
    await rows.delete('1')
    expect(await rows.get('1')).toBeNull()
    startWorker({ coalesce: false })
    await rows.flushed('1')
    expect(table.calls.flat().map(({ kind }) => kind)).toEqual(['write', 'delete'])
    expect(table.rows.get('1')?.value).toBeNull()
  })

  it('coalesces the writes of an id in a batch, with all their patches', async () => {
    const rows = createMerging()
    for (let age = 1; age <= 10; age++) await rows.update('1', { age })
    startWorker()
    await rows.flushed('1')
    expect(table.calls.flat()).toMatchObject([
      {
        id: '1',
        kind: 'write',
        value: { name: 'nobody', age: 10 },
        count: 10,
        patches: Array.from({ length: 10 }, (_, i) => ({ age: i + 1 })),
      },
    ])
  })

  it('coalesce: false: flushes each write in order, with growing sequences', async () => {
    const rows = createRows()
    for (let age = 1; age <= 20; age++) await rows.put('1', { name: 'x', age })
    startWorker({ coalesce: false, batchSize: 3 })
    await rows.flushed('1')
    const writes = table.calls.flat()
    expect(writes.map(({ value }) => value?.age)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
    for (const [i, { sequence }] of writes.entries())
      if (i > 0) expect(sequence).toBeGreaterThan(writes[i - 1]!.sequence)
  })

  it('a write that fails holds back the later writes of its id, and no others', async () => {
    const rows = createRows()
    const order: string[] = []
    let broken = true
    await rows.put('bad', { name: 'bad', age: 1 })
    for (let i = 0; i < 20; i++) await rows.put(`good${i}`, { name: 'good' })
    startWorker({
      batchSize: 50,
      coalesce: false,
      retry: { attempts: 1_000, backoff: 20, max: 50 },
      flush: async (writes) => {
        const failures = writes
          .filter(({ id }) => broken && id === 'bad')
          .map((write) => ({ write, error: new Error('no') }))
        for (const { id, value } of writes)
          if (!failures.some(({ write }) => write.id === id))
            order.push(`${id} ${value?.age ?? ''}`)
        return failures
      },
    })
    await rows.put('bad', { name: 'bad', age: 2 })
    await Promise.all(Array.from({ length: 20 }, (_, i) => rows.flushed(`good${i}`)))
    expect(order.filter((entry) => entry.startsWith('bad'))).toEqual([])
    broken = false
    await rows.flushed('bad')
    expect(order.filter((entry) => entry.startsWith('bad'))).toEqual(['bad 1', 'bad 2'])
  })

  it.each(['returned', 'thrown'])(
    'a poisoned write (%s) becomes a dead letter, to be replayed or discarded',
    async (variant) => {
      const rows = createRows()
      let poison = true
      let attempts = 0
      const flush = async (writes: readonly PendingWrite<Row, string>[]) => {
        const bad = writes.filter(({ id }) => id.startsWith('bad') && poison)
        if (bad.length > 0) attempts++
        if (variant === 'thrown' && bad.length > 0) throw new TypeError('poisoned')
        await table.upsert(writes.filter((write) => !bad.includes(write)))
        return bad.map((write) => ({ write, error: new TypeError('poisoned') }))
      }
      table.rows.set('bad', { value: { name: 'before' }, sequence: 0 })
      await rows.put('bad', { name: 'poison' })
      for (let i = 0; i < 30; i++) await rows.put(`good${i}`, { name: 'good' })
      startWorker({ flush })
      const waiting = rows.flushed('bad')
      await Promise.all([
        expect(waiting).rejects.toBeInstanceOf(DeadLetterError),
        ...Array.from({ length: 30 }, (_, i) => rows.flushed(`good${i}`)),
      ])
      expect(attempts).toBeGreaterThanOrEqual(3)
      const letters = await rows.deadLetters.list()
      expect(letters).toMatchObject([
        {
          id: 'bad',
          kind: 'write',
          value: { name: 'poison' },
          error: 'TypeError: poisoned',
          attempts: 3,
          at: expect.any(Date),
        },
      ])
      expect(await rows.get('bad')).toEqual({ name: 'before' })
      await expect(rows.flushed('bad')).rejects.toBeInstanceOf(DeadLetterError)
      expect(await rows.pending()).toMatchObject({ writes: 0 })
      poison = false
      expect(await rows.deadLetters.replay(letters[0]!.letter)).toBe(true)
      await vi.waitFor(
        () => expect(table.rows.get('bad')?.value).toEqual({ name: 'poison' }),
        5_000,
      )
      expect(await rows.deadLetters.list()).toEqual([])
      poison = true
      await rows.put('bad2', { name: 'poison' })
      await expect(rows.flushed('bad2')).rejects.toBeInstanceOf(DeadLetterError)
      const [second] = await rows.deadLetters.list()
      expect(await rows.deadLetters.discard(second!.letter)).toBe(true)
      expect(await rows.deadLetters.discard(second!.letter)).toBe(false)
      await rows.flushed('bad2')
      await expect(rows.deadLetters.replay('nonsense')).rejects.toThrow('no dead letter')
    },
  )

  it('a write that fails becomes a dead letter even if it is the only one', async () => {
    const rows = createRows()
    await rows.put('bad', { name: 'poison' })
    startWorker({
      flush: async () => {
        throw new Error('no')
      },
    })
    await expect(rows.flushed('bad')).rejects.toBeInstanceOf(DeadLetterError)
  })

  it('a database outage makes no dead letters, however long it takes', async () => {
    const rows = createRows()
    for (let i = 0; i < 20; i++) await rows.put(`r${i}`, { name: 'x' })
    let isDown = true
    let calls = 0
    startWorker({
      retry: { attempts: 3, backoff: 5, max: 20 },
      flush: async (writes) => {
        calls++
        if (isDown) throw new Error('connection refused')
        await table.upsert(writes)
      },
    })
    await vi.waitFor(() => expect(calls).toBeGreaterThan(60), 10_000)
    isDown = false
    await Promise.all(Array.from({ length: 20 }, (_, i) => rows.flushed(`r${i}`)))
    expect(await rows.deadLetters.list()).toEqual([])
    expect(table.rows.size).toBe(20)
  })

  it('a full queue rejects writes, and accepts them again once there is room', async () => {
    const rows = createRows({ maxPending: 3, partitions: 1 })
    for (let i = 0; i < 3; i++) await rows.put(`r${i}`, { name: 'x' })
    await expect(rows.put('r3', { name: 'x' })).rejects.toBeInstanceOf(BackpressureError)
    expect(await rows.peek('r3')).toBeUndefined()
    const waitingQueue = createRows({ maxPending: 3, partitions: 1, whenFull: 'wait' })
    const waiting = waitingQueue.put('r3', { name: 'x' })
    await expect(
      waitingQueue.put('r4', { name: 'x' }, { signal: AbortSignal.timeout(50) }),
    ).rejects.toThrow()
    startWorker({ partitions: 1 })
    await waiting
    await waitingQueue.flushed('r3')
    expect(table.rows.size).toBe(4)
  })

  it('no more than maxPending writes wait in a partition while nothing is flushed', async () => {
    const rows = createRows({ maxPending: 10 })
    let failed = 0
    startWorker({
      flush: async () => {
        failed++
        throw new Error('the database is out')
      },
    })
    let refused = 0
    let maxWaiting = 0
    for (let batch = 0; batch < 6 || failed === 0; batch++) {
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          rows.put(`r${batch}-${i}`, { name: 'x' }).catch((error: unknown) => {
            expect(error).toBeInstanceOf(BackpressureError)
            refused++
          }),
        ),
      )
      maxWaiting = Math.max(
        maxWaiting,
        ...(await rows.pending()).partitions.map(({ writes }) => writes),
      )
    }
    expect(maxWaiting).toBe(10)
    expect(refused).toBeGreaterThan(0)
    expect(table.rows.size).toBe(0)
  })

  it('a stopped worker has removed what it flushed, and left everything else', async () => {
    const rows = createRows({ partitions: 2 })
    const ids = Array.from({ length: 500 }, (_, i) => `r${i}`)
    await Promise.all(ids.map((id) => rows.put(id, { name: id })))
    let flushes = 0
    const { end } = startWorker({
      partitions: 2,
      batchSize: 50,
      flush: async (writes) => {
        flushes++
        await sleep(50)
        await table.upsert(writes)
      },
    })
    await vi.waitFor(() => expect(flushes).toBeGreaterThan(2), { timeout: 5_000, interval: 5 })
    await end()
    expect(table.rows.size).toBeGreaterThan(0)
    expect(table.rows.size).toBeLessThan(500)
    expect(await rows.pending()).toMatchObject({
      writes: 500 - table.rows.size,
      partitions: [{ owned: false }, { owned: false }],
    })
    expect((await allKeys()).filter((key) => key.endsWith(':owner'))).toEqual([])
    const flushedBefore = table.rows.size
    const flushedLater: string[] = []
    startWorker({
      partitions: 2,
      flush: async (writes) => {
        flushedLater.push(...writes.map(({ id }) => id))
        await table.upsert(writes)
      },
    })
    await Promise.all(ids.map((id) => rows.flushed(id)))
    expect(flushedLater).toHaveLength(500 - flushedBefore)
    expect([...table.rows.keys()].sort()).toEqual([...ids].sort())
    expect(table.calls.flat()).toHaveLength(500)
  })

  it('all users of a prefix must have the same number of partitions', async () => {
    await createRows({ partitions: 4 }).put('1', { name: 'x' })
    await expect(createRows({ partitions: 8 }).put('1', { name: 'x' })).rejects.toThrow(
      '"partitions" is 8 here, but 4',
    )
    const worker = createWriteBehindWorker<Row, string>({
      client,
      prefix: 'rows',
      partitions: 2,
      flush: table.upsert,
    })
    await expect(worker.run()).rejects.toThrow('"partitions" is 2 here, but 4')
  })

  it('only fences, empty streams and expiring keys stay once all is flushed', async () => {
    const rows = createRows({ ttl: 50, negativeTtl: 50, partitions: 2 })
    const counters = createMerging({ ttl: 50, partitions: 2 })
    const ids = Array.from({ length: 20 }, (_, i) => `r${i}`)
    let refusing = true
    const { end } = startWorker({
      partitions: 2,
      retry: { attempts: 2, backoff: 1 },
      flush: async (writes) => {
        const bad = writes.filter(({ id }) => refusing && id.startsWith('bad'))
        await table.upsert(writes.filter((write) => !bad.includes(write)))
        return bad.map(({ sequence }) => ({ sequence, error: new Error('no') }))
      },
    })
    await rows.putMany([...ids, 'bad1', 'bad2'].map((id) => [id, { name: 'x' }]))
    await counters.updateMany(ids.map((id) => [id, { age: 1 }]))
    for (const id of ['bad1', 'bad2'])
      await expect(rows.flushed(id)).rejects.toBeInstanceOf(DeadLetterError)
    refusing = false
    for (const { letter, id } of await rows.deadLetters.list())
      await (id === 'bad1' ? rows.deadLetters.replay(letter) : rows.deadLetters.discard(letter))
    await rows.delete('r0')
    await Promise.all([...ids, 'bad1', 'bad2'].map((id) => rows.flushed(id)))
    await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), 5_000)
    await end()

    /** The ttl of each remaining key in ms, or -1. Tokens in key names are replaced by `*`. */
    const remaining = await vi.waitFor(
      async () => {
        const keysAndTtls: (readonly [name: string, ttl: number])[] = []
        for (const node of await client.driver.nodes()) {
          const [replies] = await Promise.all(node.send([{ args: ['KEYS', '*'], keys: [] }]))
          for (const key of replies as readonly string[]) {
            const ttl = Number(await client.send({ args: ['PTTL', key], keys: [key] }))
            keysAndTtls.push([key.replace(/:(session|left|failed):.*/, ':$1:*'), ttl])
          }
        }
        expect(keysAndTtls.filter(([name]) => /:entry:|:(lease|intents)$/.test(name))).toEqual([])
        return keysAndTtls
      },
      { timeout: 5_000, interval: 20 },
    )
    const persistent = remaining
      .filter(([, ttl]) => ttl === -1)
      .map(([name]) => name)
      .sort()
    const partition = (index: number, name: string) => `test:rows:{test:rows:${index}}:${name}`
    expect(persistent).toEqual(
      [
        'test:rows:partitions',
        ...[0, 1].flatMap((index) => ['fence', 'stream'].map((name) => partition(index, name))),
      ].sort(),
    )
    for (const index of [0, 1])
      expect(
        await client.send({
          args: ['XLEN', partition(index, 'stream')],
          keys: [partition(index, 'stream')],
        }),
      ).toBe(0)
    const expiring = remaining.filter(([, ttl]) => ttl !== -1)
    const failed = [...new Set(['bad1', 'bad2'].map((id) => slot(id) % 2))]
    const names = [
      'test:rows:workers',
      ...[0, 1].flatMap((index) => ['session:*', 'left:*'].map((name) => partition(index, name))),
      ...failed.map((index) => partition(index, 'failed:*')),
    ]
    expect([...new Set(expiring.map(([name]) => name))].sort()).toEqual(names.sort())
    for (const [name, ttl] of expiring) {
      expect(ttl, name).toBeGreaterThan(0)
      expect(ttl, name).toBeLessThanOrEqual(600_000)
    }
  })

  it('a stopped worker finishes its flush and gives its partitions back', async () => {
    const rows = createRows()
    let flushing = false
    const slow = startWorker({
      flush: async (writes) => {
        flushing = true
        await sleep(200)
        await table.upsert(writes)
      },
    })
    await rows.put('1', { name: 'x' })
    await vi.waitFor(() => expect(flushing).toBe(true), { timeout: 10_000 })
    await slow.end()
    expect(table.rows.size).toBe(1)
    expect(await rows.pending()).toMatchObject({
      writes: 0,
      partitions: Array.from({ length: 8 }, () => ({ owned: false })),
    })
  })

  it('ids with any characters are distinct, and numbers stay numbers', async () => {
    const ids = [
      '*',
      '{}',
      '}{',
      'a:b',
      'a',
      '__proto__',
      'constructor',
      '😀',
      'lease',
      'entry',
      '%',
      '%3A',
      'x'.repeat(500),
    ]
    const rows = createRows()
    await Promise.all(ids.map((id) => rows.put(id, { name: id })))
    for (const key of await allKeys())
      if (key.includes(':entry:')) await client.send({ args: ['DEL', key], keys: [key] })
    expect(await rows.getMany(ids)).toEqual(ids.map((name) => ({ name })))
    const received: unknown[] = []
    const numbers = createWriteBehind<Row, number, Row>({
      client,
      prefix: 'rows',
      ttl: '1h',
      load: async () => ({ name: '' }),
    })
    await numbers.put(42, { name: 'n' })
    startWorker({ flush: async (writes) => void received.push(...writes.map(({ id }) => id)) })
    await Promise.all([...ids.map((id) => rows.flushed(id)), numbers.flushed(42)])
    expect(new Set(received)).toEqual(new Set([...ids, 42]))
    await expect(rows.put('a\nb', { name: 'x' })).rejects.toThrow('control characters')
    await expect(rows.put('1', (() => 1) as unknown as Row)).rejects.toThrow()
  })

  it('durability: a write rejects if there are too few replicas', async () => {
    const rows = createRows({ durability: { replicas: 2, timeout: 50 } })
    await expect(rows.put('1', { name: 'x' })).rejects.toMatchObject({
      name: 'DurabilityError',
      stored: true,
    })
    expect(await rows.get('1')).toEqual({ name: 'x' })
    await rows.close()
  })
})
