import { UsageError, type CacheClient } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createWriteThrough } from '../src/index.js'
import { cases } from './cases.js'

interface Row {
  readonly n: number
  readonly by?: string
}

describe.each(cases)('clear, on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  const clients: CacheClient[] = []
  const rows = new Map<number, Row>()
  /** What the next change of the source waits for, before and after it. */
  let held: { before?: () => Promise<unknown>; after?: () => Promise<unknown> } = {}
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(() => {
    held = {}
    rows.clear()
    return stage.flush()
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
  })

  function cache(options: { readonly clearable?: boolean; readonly silent?: boolean } = {}) {
    const client = stage.driver()
    clients.push(client)
    const { clearable = true, silent = false } = options
    const change = async (id: number, patch: Partial<Row>): Promise<Row | undefined> => {
      const { before, after } = held
      held = {}
      await before?.()
      const row = { n: 0, ...rows.get(id), ...patch }
      rows.set(id, row)
      await after?.()
      return silent ? undefined : row
    }
    return createWriteThrough({
      client,
      prefix: 'row',
      ttl: '1h',
      clearable,
      load: async (id: number) => rows.get(id) ?? null,
      store: change,
      storeMany: async (writes) =>
        (await Promise.all(writes.map(([id, patch]) => change(id, patch)))) as Row[],
      merge: (current, patch: Partial<Row>) => ({ ...current, ...patch }),
    })
  }

  it('ends loaded and written rows in all processes', async () => {
    const [here, there] = [cache(), cache()]
    await here.update(1, { n: 1 })
    await here.updateMany([
      [2, { n: 2 }],
      [3, { n: 3 }],
    ])
    expect(await there.peek(1)).toEqual({ n: 1 })
    expect(await there.peek(3)).toEqual({ n: 3 })
    for (const id of [1, 2, 3]) rows.set(id, { n: 10 * id })
    expect(await there.get(1)).toEqual({ n: 1 })
    await there.clear()
    for (const one of [here, there])
      for (const id of [1, 2, 3]) expect(await one.peek(id)).toBeUndefined()
    for (const one of [here, there]) {
      expect(await one.getMany([1, 2, 3])).toEqual([{ n: 10 }, { n: 20 }, { n: 30 }])
      expect(await one.peek(2)).toEqual({ n: 20 })
    }
  })

  it('ends rows that were written before it, though they are cached after it', async () => {
    const [here, there] = [cache(), cache()]
    held = { after: () => there.clear() }
    expect(await here.update(1, { n: 1 })).toEqual({ n: 1 })
    rows.set(1, { n: 2 })
    expect(await there.get(1)).toEqual({ n: 2 })
    held = { after: () => there.clear() }
    await here.updateMany([
      [1, { n: 3 }],
      [2, { n: 3 }],
    ])
    for (const id of [1, 2]) expect(await there.peek(id)).toBeUndefined()
  })

  it('ends rows that patches would be merged with', async () => {
    const [here, there] = [cache({ silent: true }), cache()]
    rows.set(1, { n: 1 })
    await there.get(1)
    expect(await here.update(1, { by: 'a' })).toEqual({ n: 1, by: 'a' })
    expect(await there.peek(1)).toEqual({ n: 1, by: 'a' })
    rows.set(1, { n: 2 })
    await there.clear()
    expect(await here.update(1, { by: 'b' })).toBeUndefined()
    expect(await there.get(1)).toEqual({ n: 2, by: 'b' })
    held = { before: () => there.clear() }
    await here.update(1, { by: 'c' })
    rows.set(1, { n: 3 })
    expect(await there.get(1)).toEqual({ n: 3 })
  })

  it('needs the option', async () => {
    await expect(cache({ clearable: false }).clear()).rejects.toThrow(UsageError)
  })
})
