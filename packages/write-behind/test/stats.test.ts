import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { CacheClient } from '@cache/core'
import { measureGauges } from '@cache/core/internal'
import { eventually, type Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWriteBehind, createWriteBehindWorker } from '../src/index.js'
import { Table, cases, type Row } from './cases.js'

describe.each(cases)('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  let client: CacheClient
  let table: Table
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(async () => {
    await stage.flush()
    client = stage.driver()
    table = new Table()
    return () => client.close()
  })
  const createRows = (prefix = 'rows') =>
    createWriteBehind<Row | null, string, Row>({
      client,
      prefix,
      ttl: '1h',
      load: table.load,
    })

  it('stats() counts reads and acknowledged writes', async () => {
    const rows = createRows()
    await rows.get('1')
    await rows.put('1', { name: 'Ada' })
    await rows.putMany([
      ['2', { name: 'Bob' }],
      ['3', { name: 'Eve' }],
    ])
    await rows.delete('3')
    await rows.getMany(['1', '2'])
    expect(rows.stats()).toMatchObject({ hits: 2, misses: 1, loads: 1, writes: 4 })
  })

  it('the queue can be measured, also by its workers', async () => {
    const queueOf = async () =>
      (await measureGauges([client], 10_000)).filter(({ kind }) => kind === 'queue')
    const rows = createRows()
    await rows.put('1', { name: 'Ada' })
    await rows.put('2', { name: 'Bob' })
    const [waiting] = await queueOf()
    expect(waiting).toMatchObject({
      name: 'rows',
      namespace: 'test',
      values: { writes: 2, deadLetters: 0 },
    })
    await rows.close()
    expect(await queueOf()).toEqual([])

    const worker = createWriteBehindWorker<Row, string>({
      client,
      prefix: 'rows',
      flush: (writes) => writes.map(({ id }) => ({ id, error: new Error('refused') })),
      retry: { attempts: 1 },
      linger: 1,
    })
    const stop = new AbortController()
    const running = worker.run({ signal: stop.signal })
    await vi.waitFor(
      async () =>
        expect(await queueOf()).toMatchObject([
          { name: 'rows', values: { writes: 0, oldest: 0, deadLetters: 2, unowned: 0 } },
        ]),
      { timeout: 20_000 },
    )
    stop.abort()
    await running
    expect(await queueOf()).toEqual([])
  })

  it('a queue that nobody uses any more is not measured', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const kept = createRows('kept')
    await createRows('forgotten').put('1', { name: 'Ada' })
    await eventually(async () => {
      collect()
      const measured = await measureGauges([client], 10_000)
      const queues = measured.filter(({ kind }) => kind === 'queue')
      const { parts } = await client.health()
      expect(queues.map(({ name }) => name)).toEqual(['kept'])
      expect(parts.map(({ name }) => name)).toEqual(['queue kept'])
      return true
    })
    await kept.close()
  })
})
