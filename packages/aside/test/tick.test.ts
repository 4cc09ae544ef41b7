import { beforeEach, describe, expect, it } from 'vitest'
import { createReadThrough, type ReadThrough } from '../src/index.js'
import { onEach } from './cases.js'

onEach(({ newClient }) => {
  let calls: (readonly number[])[]
  let signals: AbortSignal[]
  let rows: ReadThrough<string, number>
  const create = (): ReadThrough<string, number> =>
    createReadThrough<string, number>({
      client: newClient(),
      prefix: 'row',
      ttl: '1h',
      load: async (id) => {
        calls.push([id])
        return `row ${id}`
      },
      loadMany: async (ids, { signal }) => {
        calls.push(ids)
        signals.push(signal)
        return ids.map((id) =>
          id < 0 ? Promise.reject(new Error(`no ${id}`)) : Promise.resolve(`row ${id}`),
        )
      },
    })

  beforeEach(() => {
    calls = []
    signals = []
    rows = create()
  })

  describe('calls of get in one tick', () => {
    it('become one call of loadMany', async () => {
      const ids = Array.from({ length: 50 }, (_, i) => i)
      const got = await Promise.all(ids.map((id) => rows.get(id)))
      expect(got).toEqual(ids.map((id) => `row ${id}`))
      expect(calls).toEqual([ids])
      expect(await rows.peek(7)).toBe('row 7')
    })

    it('also become one call if they come after promises of the same tick', async () => {
      const later = async (id: number): Promise<string> => {
        for (let i = 0; i < 3; i++) await Promise.resolve()
        return rows.get(id)
      }
      expect(await Promise.all([rows.get(1), later(2)])).toEqual(['row 1', 'row 2'])
      expect(calls).toEqual([[1, 2]])
    })

    it('load only what is missing, and a single value with load', async () => {
      await rows.get(1)
      expect(calls).toEqual([[1]])
      expect(await Promise.all([1, 2, 2, 3].map((id) => rows.get(id)))).toEqual([
        'row 1',
        'row 2',
        'row 2',
        'row 3',
      ])
      expect(calls).toEqual([[1], [2, 3]])
    })

    it('fail one by one', async () => {
      const settled = await Promise.allSettled([1, -1, 2].map((id) => rows.get(id)))
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect((settled[1] as PromiseRejectedResult).reason).toEqual(new Error('no -1'))
      expect(await rows.peek(2)).toBe('row 2')
      expect(await rows.has(-1)).toBe(false)
    })

    it('abort one by one; the loader aborts after the last', async () => {
      const controllers = [new AbortController(), new AbortController()]
      const waiting = createReadThrough<string, number>({
        client: newClient(),
        prefix: 'row',
        ttl: '1h',
        load: () => Promise.reject(new Error('not alone')),
        loadMany: (ids, { signal }) => {
          signals.push(signal)
          calls.push(ids)
          controllers[0]!.abort(new Error('first'))
          return new Promise(() => undefined)
        },
      })
      const got = controllers.map(({ signal }, id) => waiting.get(id, { signal }))
      await expect(got[0]).rejects.toThrow('first')
      expect(signals[0]!.aborted).toBe(false)
      controllers[1]!.abort(new Error('second'))
      await expect(got[1]).rejects.toThrow('second')
      expect(signals[0]!.aborted).toBe(true)
      expect(calls).toEqual([[0, 1]])
    })

    it('load each key once for several processes', async () => {
      const elsewhere = create()
      const ids = [1, 2, 3, 4, 5]
      await Promise.all([rows, elsewhere].flatMap((each) => ids.map((id) => each.get(id))))
      expect(calls.flat().sort()).toEqual(ids)
    })
  })
})
