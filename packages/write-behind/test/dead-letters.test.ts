import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { DeadLetterError, type PendingWrite } from '../src/index.js'
import { cases, type Row } from './cases.js'
import { Setup } from './setup.js'

type Write = PendingWrite<Row, string>

describe.each(cases)('dead letters, on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  let setup: Setup
  let refused: (write: Write) => boolean
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(async () => {
    await stage.flush()
    setup = new Setup(stage.driver())
    refused = ({ value }) => value?.name === 'bad'
  })
  afterEach(() => setup[Symbol.asyncDispose]())

  const refusing = async (writes: readonly Write[]) => {
    await setup.table.upsert(writes.filter((write) => !refused(write)))
    return writes
      .filter((write) => refused(write))
      .map(({ sequence }) => ({ sequence, error: new Error('no') }))
  }
  const startWorker = (overrides: object = {}) =>
    setup.startWorker({ flush: refusing, retry: { attempts: 1, backoff: 1 }, ...overrides })

  it('a replayed dead letter does not undo a newer write that is pending', async () => {
    const rows = setup.rows()
    const first = startWorker()
    await rows.put('1', { name: 'bad' })
    await expect(rows.flushed('1')).rejects.toBeInstanceOf(DeadLetterError)
    await first.end()
    refused = () => false
    await rows.put('1', { name: 'newer' })
    const [letter] = await rows.deadLetters.list()
    expect(await rows.deadLetters.replay(letter!.letter)).toBe(true)
    expect(await rows.get('1')).toEqual({ name: 'newer' })
    startWorker()
    await rows.flushed('1')
    await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), 5_000)
    expect(setup.table.rows.get('1')).toEqual({
      value: { name: 'newer' },
      sequence: expect.any(Number),
    })
    expect(setup.table.calls.at(-1)).toMatchObject([{ value: { name: 'newer' }, count: 2 }])
    await rows.close()
  })

  it('a replayed dead letter does not undo a newer write that was flushed', async () => {
    const rows = setup.rows()
    startWorker()
    await rows.put('1', { name: 'bad' })
    await expect(rows.flushed('1')).rejects.toBeInstanceOf(DeadLetterError)
    refused = () => false
    await rows.put('1', { name: 'newer' })
    await rows.flushed('1')
    const [letter] = await rows.deadLetters.list()
    await rows.deadLetters.replay(letter!.letter)
    expect(await rows.get('1')).toEqual({ name: 'newer' })
    await rows.flushed('1')
    await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), 5_000)
    expect(await rows.get('1')).toEqual({ name: 'newer' })
    expect(setup.table.rows.get('1')?.value).toEqual({ name: 'newer' })
    await rows.close()
  })

  it('a dead letter that is replayed repeatedly does not undo newer writes', async () => {
    const rows = setup.counters()
    const isDeadLetter = () =>
      vi.waitFor(async () => expect(await rows.deadLetters.list()).toHaveLength(1), 5_000)
    const replay = async () =>
      expect(await rows.deadLetters.replay((await rows.deadLetters.list())[0]!.letter)).toBe(true)
    const key = 'test:rows:{test:rows:0}:buried'
    const stateExists = () => stage.driver().send({ args: ['EXISTS', key], keys: [key] })
    let first: number | undefined
    refused = ({ sequence }) => sequence === (first ??= sequence)
    const worker = startWorker({ coalesce: false })
    await rows.put('1', { name: 'bad' })
    await expect(rows.flushed('1')).rejects.toBeInstanceOf(DeadLetterError)
    expect(await stateExists()).toBe(1)
    await rows.put('1', { name: 'newer', age: 5 })
    await rows.flushed('1')
    for (let i = 0; i < 2; i++) {
      await replay()
      await isDeadLetter()
      await rows.flushed('1')
    }
    await worker.end()
    await replay()
    expect(await rows.get('1')).toMatchObject({ name: 'newer' })
    await rows.update('1', 1)
    startWorker({ coalesce: false })
    await rows.flushed('1')
    await isDeadLetter()
    await replay()
    expect(await rows.get('1')).toMatchObject({ age: 6 })
    await isDeadLetter()
    await rows.flushed('1')
    refused = () => false
    await replay()
    await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), 5_000)
    expect(setup.table.rows.get('1')?.value).toMatchObject({ age: 6 })
    expect(await stateExists()).toBe(0)
    await rows.close()
  })

  it('a replayed write is pending and readable again, and flushed waits for it', async () => {
    const rows = setup.rows()
    setup.table.rows.set('1', { value: { name: 'before' }, sequence: 0 })
    const first = startWorker()
    await rows.put('1', { name: 'bad' })
    await expect(rows.flushed('1')).rejects.toBeInstanceOf(DeadLetterError)
    expect(await rows.get('1')).toEqual({ name: 'before' })
    await first.end()
    refused = () => false
    const [letter] = await rows.deadLetters.list()
    await rows.deadLetters.replay(letter!.letter)
    expect(await rows.get('1')).toEqual({ name: 'bad' })
    expect((await rows.pending()).writes).toBe(1)
    let isFlushed = false
    const flushed = rows.flushed('1').then(() => {
      isFlushed = true
    })
    await sleep(100)
    expect(isFlushed).toBe(false)
    startWorker()
    await flushed
    expect(setup.table.rows.get('1')?.value).toEqual({ name: 'bad' })
    expect(await rows.deadLetters.list()).toEqual([])
    await rows.close()
  })

  it('flushed rejects for a dead letter even if later writes were flushed since', async () => {
    const rows = setup.rows()
    startWorker({ retry: { attempts: 2, backoff: 100 } })
    for (let i = 0; i < 3; i++) {
      const id = `r${i}`
      await rows.put(id, { name: 'bad' })
      const flushed = rows.flushed(id).then(
        () => 'resolved',
        (error: Error) => error.name,
      )
      await vi.waitFor(
        async () =>
          expect((await rows.deadLetters.list()).some((letter) => letter.id === id)).toBe(true),
        { timeout: 5_000, interval: 2 },
      )
      await rows.put(id, { name: 'good' })
      expect(await flushed).toBe('DeadLetterError')
      await rows.flushed(id)
    }
    await rows.close()
  })

  it('flushed resolves again after the dead letter was discarded', async () => {
    const rows = setup.rows()
    startWorker()
    await rows.put('1', { name: 'bad' })
    await expect(rows.flushed('1')).rejects.toBeInstanceOf(DeadLetterError)
    const [letter] = await rows.deadLetters.list()
    expect(await rows.deadLetters.discard(letter!.letter)).toBe(true)
    await rows.flushed('1')
    expect(await rows.deadLetters.replay(letter!.letter)).toBe(false)
    await rows.close()
  })

  it('only refused writes become dead letters if several were flushed as one', async () => {
    const rows = setup.rows()
    for (const name of ['one', 'bad', 'two', 'last bad']) await rows.put('1', { name })
    refused = ({ value }) => value?.name.includes('bad') === true
    startWorker()
    await expect(rows.flushed('1')).rejects.toBeInstanceOf(DeadLetterError)
    expect((await rows.deadLetters.list()).map(({ value }) => value?.name)).toEqual([
      'bad',
      'last bad',
    ])
    expect(setup.table.rows.get('1')?.value).toEqual({ name: 'two' })
    await rows.close()
  })

  it.each(['returned', 'thrown'])(
    'coalesce: false: a refused write (%s) does not make later ones dead letters',
    async (variant) => {
      const rows = setup.rows()
      for (const name of ['bad', 'two', 'three']) await rows.put('1', { name })
      const flush = async (writes: readonly Write[]) => {
        if (variant === 'returned') return refusing(writes)
        for (const write of writes) if (refused(write)) throw new Error('no')
        return setup.table.upsert(writes)
      }
      startWorker({ coalesce: false, flush, retry: { attempts: 2, backoff: 5 } })
      await rows.flushed('1')
      expect((await rows.deadLetters.list()).map(({ value }) => value?.name)).toEqual(['bad'])
      expect(setup.table.rows.get('1')?.value).toEqual({ name: 'three' })
      expect(await rows.get('1')).toEqual({ name: 'three' })
      await rows.close()
    },
  )
})
