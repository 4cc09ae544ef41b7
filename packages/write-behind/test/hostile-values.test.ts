import { randomBytes } from 'node:crypto'
import { channels, encrypted, json, type CacheClient } from '@cache/core'
import { eventually, hostileValues, plantValue, type Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createWriteBehind, createWriteBehindWorker } from '../src/index.js'
import { Partitions } from '../src/partitions.js'
import { Table, cases, type Row } from './cases.js'

const codec = encrypted(json, { keys: { a: randomBytes(32) } })

describe.each(cases.filter(({ topology }) => topology !== 'sharded'))('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  let client: CacheClient
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(async () => {
    await stage.flush()
    client = stage.driver()
  })

  const newCache = (table: Table) =>
    createWriteBehind<Row | null, string, Row>({
      client,
      prefix: 'rows',
      partitions: 1,
      ttl: '1h',
      load: table.load,
      codec,
      leaseTtl: '100ms',
      merge: (_, patch) => patch,
    })
  /** Runs a worker until `use` has ended. */
  const withWorker = async (table: Table, use: () => Promise<void>): Promise<void> => {
    const stop = new AbortController()
    const worker = createWriteBehindWorker<Row, string>({
      client,
      prefix: 'rows',
      partitions: 1,
      codec,
      ownershipTtl: '150ms',
      linger: 1,
      flush: (writes) => table.upsert(writes),
    })
    const running = worker.run({ signal: stop.signal })
    try {
      await use()
    } finally {
      stop.abort()
      await running
    }
  }

  it(
    'writes are accepted, flushed and read with any value at any key',
    async () => {
      const table = new Table()
      const [partition] = new Partitions(client, 'rows', 1).all
      const { stream, pending, failedAttempts, deadLetters, deadLetterState } = partition!
      const { replayed, fence, owner } = partition!
      const { workers } = new Partitions(client, 'rows', 1)
      const keys = {
        stream,
        pending,
        failedAttempts,
        deadLetters,
        deadLetterState,
        replayed,
        fence,
        owner,
        workers,
        agreed: 'test:rows:partitions',
        entry: partition!.entry('7'),
        session: '',
      }
      let age = 0
      await withWorker(table, async () => {
        // The short form tries every value, but not at every key.
        for (const [keyIndex, [kind, fixedKey]] of Object.entries(keys).entries()) {
          for (const value of hostileValues(['7', 'floor', '1', '2']).filter(
            (_, i) => process.env.CHAOS || i % 8 === keyIndex % 8,
          )) {
            const label = `${kind}: ${value.name}`
            await using cache = newCache(table)
            await cache.put('7', { name: 'before', age: ++age })
            await cache.flushed('7')
            for (const key of fixedKey === '' ? await sessions() : [fixedKey])
              await plantValue(client, key, value)
            await cache.peek('7')
            await cache.deadLetters.list()
            await cache.update('7', { name: 'Ada', age: ++age })
            expect(await cache.get('7'), label).toEqual({ name: 'Ada', age })
            await eventually(() => table.rows.get('7')?.value?.age === age, { within: 20_000 })
            await cache.flushed('7')
            expect(await newCache(table).get('7'), label).toEqual({ name: 'Ada', age })
          }
        }
      })

      async function sessions(): Promise<string[]> {
        return (await client.send({ args: ['KEYS', '*:session:*'], keys: [stream] })) as string[]
      }
    },
    process.env.CHAOS ? 600_000 : 60_000,
  )

  it('foreign entries of the stream are deleted and reported; writes are flushed', async () => {
    const table = new Table()
    const [partition] = new Partitions(client, 'rows', 1).all
    const { stream } = partition!
    const reported: unknown[] = []
    const listen = (message: unknown): unknown => reported.push(message)
    channels.error.subscribe(listen)
    await using cache = newCache(table)
    await cache.put('1', { name: 'first' })
    const foreignEntries: readonly (readonly string[])[] = [
      ['x', 'y'],
      ['', ''],
      ['s:', 'y'],
      ['n:abc', 'y'],
      ['n:1e400', 'y'],
      [`s:${'\u0000'}`, 'y'],
      ['s:1', 'y', 'sequence', 'x'],
      ['s:1', 'y', 'sequence', '9'.repeat(30)],
    ]
    for (const fields of foreignEntries)
      await client.send({ args: ['XADD', stream, '*', ...fields], keys: [stream] })
    await client.send({
      args: ['XADD', stream, '18446744073709551615-0', 'x', 'y'],
      keys: [stream],
    })
    await client.send({
      args: ['XADD', stream, '18446744073709551615-18446744073709551615', 'x', 'y'],
      keys: [stream],
    })
    await cache.put('2', { name: 'second' })
    await withWorker(table, async () => {
      await Promise.all(['1', '2'].map((id) => cache.flushed(id)))
      await eventually(
        async () => (await client.send({ args: ['XLEN', stream], keys: [stream] })) === 0,
      )
    })
    channels.error.unsubscribe(listen)
    expect([...table.rows.values()].map(({ value }) => value?.name).sort()).toEqual([
      'first',
      'second',
    ])
    expect(reported).toContainEqual(
      expect.objectContaining({
        key: stream,
        error: expect.objectContaining({ code: 'FOREIGN_VALUE' }) as unknown,
      }),
    )
  })

  it('a session whose floor is far behind delays no write', async () => {
    const table = new Table()
    await using cache = newCache(table)
    await cache.put('1', { name: 'first' })
    const [session] = (await client.send({
      args: ['KEYS', '*:session:*'],
      keys: ['{test:rows:0}'],
    })) as string[]
    if (session === undefined) return // on another node
    for (const floor of ['0', '1', '-9000000000000000', '9'.repeat(20)]) {
      await client.send({ args: ['HSET', session, 'floor', floor], keys: [session] })
      const started = performance.now()
      await cache.put('1', { name: floor })
      expect(performance.now() - started).toBeLessThan(5_000)
      expect(await cache.get('1')).toEqual({ name: floor })
    }
  })

  it('a dead letter that cannot be unpacked is deleted', async () => {
    const table = new Table()
    const [partition] = new Partitions(client, 'rows', 1).all
    const { deadLetters } = partition!
    await using cache = newCache(table)
    for (const [score, member] of [
      ['1', 'garbage'],
      ['2', ''],
      ['3', Buffer.from([0xff, 0xc3])],
      ['4', Buffer.from([0x91, 0xa1, 0x78])],
      ['5', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ] as const) {
      await client.send({ args: ['ZADD', deadLetters, score, member], keys: [deadLetters] })
    }
    expect(await cache.deadLetters.list()).toEqual([])
    expect(await client.send({ args: ['ZCARD', deadLetters], keys: [deadLetters] })).toBe(0)
    await client.send({ args: ['ZADD', deadLetters, '6', 'garbage'], keys: [deadLetters] })
    expect(await cache.deadLetters.discard('0:6')).toBe(false)
    await client.send({ args: ['ZADD', deadLetters, '7', 'garbage'], keys: [deadLetters] })
    expect(await cache.deadLetters.replay('0:7')).toBe(false)
  })
})
