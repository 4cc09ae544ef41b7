import assert from 'node:assert/strict'
import { createWriteBehind, createWriteBehindWorker } from '@cache/write-behind'
import type { Case } from '../stage.js'

export const writeBehind = {
  'write-behind: acknowledged writes reach the table once, in order': async (stage) => {
    const client = stage.client()
    const table = new Map<string, { visits: number; sequence: number }>()
    const users = createWriteBehind({
      client,
      prefix: 'write-behind',
      ttl: '1h',
      load: async (id: string) => table.get(id)?.visits,
      merge: (current, by: number) => (current ?? 0) + by,
    })
    let disordered = 0
    let failures = 1
    const worker = createWriteBehindWorker<number>({
      client: stage.client(),
      prefix: 'write-behind',
      retry: { backoff: 10 },
      flush: async (writes) => {
        if (failures-- > 0) throw new Error('The database is away.')
        for (const { id, value, sequence } of writes) {
          if (sequence <= (table.get(id)?.sequence ?? 0)) disordered++
          table.set(id, { visits: value ?? 0, sequence })
        }
      },
    })
    const ids = ['a', 'b', 'c']
    for (let i = 0; i < 5; i++) await Promise.all(ids.map((id) => users.update(id, 1)))
    assert.deepEqual(await users.getMany(ids), [5, 5, 5])
    assert.equal(table.size, 0)
    const stop = new AbortController()
    const running = worker.run({ signal: stop.signal })
    await Promise.all(ids.map((id) => users.flushed(id)))
    assert.deepEqual(
      ids.map((id) => table.get(id)?.visits),
      [5, 5, 5],
    )
    assert.equal(disordered, 0)
    assert.equal((await users.pending()).writes, 0)
    stop.abort()
    await running
  },
} satisfies Record<string, Case>
