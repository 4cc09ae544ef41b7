import type { CacheClient } from '@cache/core'
import { startRedis, type Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BulkWriteError } from '../src/index.js'
import { cases } from './cases.js'
import { Setup, connect, clientKinds } from './setup.js'

describe.each(clientKinds)('bulk writes, on %s', (kind) => {
  it('are sent in parts that fit into maxInFlight', async () => {
    await using redis = await startRedis()
    await using client = connect(kind, redis.url, {
      maxInFlight: 300,
      readTimeout: '5s',
      writeTimeout: '5s',
    })
    await using setup = new Setup(client)
    const ids = Array.from({ length: 500 }, (_, i) => `r${i}`)
    await setup.rows().putMany(ids.map((id) => [id, { name: id }]))
    expect(await setup.counters().updateMany(ids.map((id) => [id, 1]))).toHaveLength(500)
    expect((await setup.rows().pending()).writes).toBe(1_000)
  })
})

describe.each(cases)('bulk writes, on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  let setup: Setup
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(async () => {
    await stage.flush()
    setup = new Setup(stage.driver())
  })
  afterEach(() => setup[Symbol.asyncDispose]())

  it('putMany accepts any number of whole values', async () => {
    const rows = setup.rows({ partitions: 8 })
    const ids = Array.from({ length: 1_200 }, (_, i) => `r${i}`)
    await rows.putMany(new Map(ids.map((id) => [id, { name: id }])))
    expect((await rows.pending()).writes).toBe(1_200)
    expect(await rows.getMany(['r0', 'r1199'])).toEqual([{ name: 'r0' }, { name: 'r1199' }])
    await rows.putMany([])
    await rows.close()
  })

  it('putMany keeps the order of the writes of an id, however many there are', async () => {
    const rows = setup.rows({ partitions: 8 })
    const writes = Array.from({ length: 1_200 }, (_, i) => [`r${i % 7}`, { name: `${i}` }] as const)
    await rows.putMany(writes)
    const ids = Array.from({ length: 7 }, (_, i) => `r${i}`)
    const last = ids.map((id) => writes.findLast(([other]) => other === id)![1])
    expect(await rows.getMany(ids)).toEqual(last)
    setup.startWorker({ partitions: 8, coalesce: false })
    await Promise.all(ids.map((id) => rows.flushed(id)))
    for (const id of ids) {
      const flushed = setup.table.calls.flat().filter((write) => write.id === id)
      expect(flushed.map(({ value }) => value)).toEqual(
        writes.filter(([other]) => other === id).map(([, value]) => value),
      )
    }
    await rows.close()
  })

  it('updateMany merges patches, also of one id, and resolves to the new values', async () => {
    const rows = setup.counters()
    expect(
      await rows.updateMany([
        ['1', 1],
        ['2', 10],
        ['1', 2],
      ]),
    ).toMatchObject([{ age: 1 }, { age: 10 }, { age: 3 }])
    setup.startWorker()
    await rows.flushed('1')
    expect(setup.table.rows.get('1')?.value?.age).toBe(3)
    const [flushed] = setup.table.calls.flat().filter(({ id }) => id === '1')
    expect(flushed!.patches).toEqual([1, 2])
    expect(flushed!.patchSequences.at(-1)).toBe(flushed!.sequence)
    await rows.close()
  })

  it('reject with the refused writes, while the others are accepted', async () => {
    const rows = setup.rows({ maxPending: 2 })
    const error = await rows
      .putMany([
        ['1', { name: 'x' }],
        ['2', { name: 'x' }],
        ['3', { name: 'x' }],
      ])
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BulkWriteError)
    expect(error).toMatchObject({ failures: [{ id: '3', error: { name: 'BackpressureError' } }] })
    expect((await rows.pending()).writes).toBe(2)
    await rows.close()
  })

  it('put refuses null and undefined, since delete removes rows', async () => {
    const rows = setup.rows()
    for (const value of [null, undefined])
      await expect(rows.put('1', value as never)).rejects.toThrow('delete(id) removes the row')
    await rows.close()
  })

  it('calls that share an AbortSignal add one listener to it, and remove it', async () => {
    const warnings: Error[] = []
    const record = (warning: Error): void => void warnings.push(warning)
    process.on('warning', record)
    const rows = setup.rows()
    await rows.put('1', { name: 'x' })
    const stop = new AbortController()
    let listeners = 0
    const { addEventListener, removeEventListener } = stop.signal
    Object.assign(stop.signal, {
      addEventListener: (...args: Parameters<typeof addEventListener>) => {
        listeners++
        addEventListener.apply(stop.signal, args)
      },
      removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
        listeners--
        removeEventListener.apply(stop.signal, args)
      },
    })
    const waiting = Array.from({ length: 30 }, () => rows.flushed('1', { signal: stop.signal }))
    setup.startWorker()
    await Promise.all(waiting)
    expect(listeners).toBe(0)
    await setup[Symbol.asyncDispose]()
    await rows.put('2', { name: 'x' })
    const rejected = Promise.all(
      Array.from({ length: 30 }, () =>
        expect(rows.flushed('2', { signal: stop.signal })).rejects.toThrow('enough'),
      ),
    )
    stop.abort(new Error('enough'))
    await rejected
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    process.off('warning', record)
    expect(warnings).toEqual([])
    await rows.close()
  })
})
