import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Messages } from '@cache/core'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DeadLetterError, FlushAnswerError, type PendingWrite } from '../src/index.js'
import type { Row } from './cases.js'
import { Setup, connect, clientKinds } from './setup.js'

type Write = PendingWrite<Row, string>

describe.each(clientKinds)('the result of flush, on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())
  beforeEach(() => redis.flush())

  it.each<readonly [string, (write: Write) => object]>([
    ['the write itself', (write) => ({ write })],
    ['a copy of it', (write) => ({ write: structuredClone(write) })],
    ['its sequence', ({ sequence }) => ({ sequence })],
    ['its id', ({ id }) => ({ id })],
  ])('names a refused write by %s; the others are flushed', async (_, name) => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    await rows.putMany([
      ['bad', { name: 'bad' }],
      ['good', { name: 'good' }],
    ])
    setup.startWorker({
      flush: async (writes) =>
        writes
          .filter(({ id }) => id === 'bad')
          .map((write) => ({ ...name(write), error: new Error('refused') })) as never,
    })
    await rows.flushed('good')
    await expect(rows.flushed('bad')).rejects.toBeInstanceOf(DeadLetterError)
    expect(await rows.deadLetters.list()).toMatchObject([
      { id: 'bad', error: 'Error: refused', attempts: 3 },
    ])
    await rows.close()
  })

  it.each<readonly [string, unknown]>([
    ["a driver's result", { rowCount: 1, rows: [] }],
    ['true', true],
    ['[undefined]', [undefined]],
    ['an error without a write', [{ error: new Error('x') }]],
    ['a sequence of another batch', [{ sequence: 1, error: new Error('x') }]],
  ])('is reported if it is %s, and its writes become dead letters', async (_, answer) => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const rows = setup.rows()
    const errors: unknown[] = []
    const record = (message: unknown): void =>
      void errors.push((message as Messages['error']).error)
    subscribe('cache:error', record)
    let calls = 0
    await rows.putMany([
      ['1', { name: 'x' }],
      ['2', { name: 'y' }],
    ])
    setup.startWorker({
      flush: async () => {
        calls++
        return answer as undefined
      },
    })
    for (const id of ['1', '2'])
      await expect(rows.flushed(id)).rejects.toBeInstanceOf(DeadLetterError)
    unsubscribe('cache:error', record)
    expect(calls).toBeLessThanOrEqual(6)
    expect(errors[0]).toBeInstanceOf(FlushAnswerError)
    expect((await rows.deadLetters.list())[0]?.error).toContain(
      '"flush" must return nothing, or an array of { sequence, error }',
    )
    await rows.close()
  })
})
