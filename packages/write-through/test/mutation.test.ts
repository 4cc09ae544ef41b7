import type { CacheClient } from '@cache/core'
import type { Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createWriteThrough } from '../src/index.js'
import { cases } from './cases.js'

describe.each(cases)('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  beforeAll(async () => {
    stage = await start()
  })
  beforeEach(() => stage.flush())
  afterAll(() => stage.stop())

  it('reads return the old row until a transaction commits, and the new one then', async () => {
    let committed = 1
    const clients = [stage.driver(), stage.driver()]
    const [mine, other] = clients.map((client) =>
      createWriteThrough({
        client,
        prefix: 'p',
        ttl: '1h',
        load: (_id: number) => committed,
        store: (_id: number, value: number) => value,
      }),
    )
    await other!.get(1)
    const change = await mine!.beginMutation(1)
    expect(await other!.get(1)).toBe(1)
    committed = 2
    await change.commit()
    expect([await other!.get(1), await mine!.get(1)]).toEqual([2, 2])
    const rolledBack = await mine!.beginMutation([1, 2])
    await rolledBack.abort()
    expect(await other!.get(1)).toBe(2)
    for (const one of [mine!, other!, ...clients]) await one.close()
  })

  it('a merge that throws does not fail the write', async () => {
    const client = stage.driver()
    const cache = createWriteThrough({
      client,
      prefix: 'p',
      ttl: '1h',
      load: (_id: number): { n: number } => ({ n: 7 }),
      store: (_id: number, _patch: { n: number }) => undefined,
      merge: (): { n: number } => {
        throw new Error('no')
      },
    })
    await cache.get(1)
    expect(await cache.update(1, { n: 1 })).toBeUndefined()
    expect(await cache.peek(1)).toBeUndefined()
    expect(await cache.get(1)).toEqual({ n: 7 })
    await cache.close()
    await client.close()
  })
})
