import { describe, expect, it } from 'vitest'
import { addShard } from '../.vitepress/theme/examples/add-shard.js'
import {
  admit,
  inWindowBefore,
  policies,
  shapes,
  traffic,
} from '../.vitepress/theme/examples/limiters.js'
import { isStale, recordStaleFill } from '../.vitepress/theme/examples/stale-fill.js'
import { runStampede } from '../.vitepress/theme/examples/stampede.js'

describe('the stampede', () => {
  const run = (method: 'naive' | 'in-process' | 'aside') =>
    runStampede({ method, processes: 4, callers: 5, loadTime: 50 })

  it('has a load for each caller if it is naive', async () => {
    expect((await run('naive')).loads).toHaveLength(20)
  })

  it('has a load for each process if each joins its own callers', async () => {
    const { loads } = await run('in-process')
    expect(loads.map(({ process }) => process).sort()).toEqual([0, 1, 2, 3])
  })

  it('has exactly one load with createAside, and all callers get its value', async () => {
    const { loads, values } = await run('aside')
    expect(loads).toHaveLength(1)
    expect(values).toEqual(Array.from({ length: 20 }, () => 'chair'))
  })
})

describe('the stale fill', () => {
  it('leaves the old value if it is naive', async () => {
    const steps = await recordStaleFill('naive')
    expect(steps.map(({ row, cached, got }) => [row, cached, got])).toEqual([
      [10, undefined, undefined],
      [10, undefined, 10],
      [12, undefined, undefined],
      [12, undefined, undefined],
      [12, 10, 10],
      [12, 10, 10],
    ])
    expect(isStale(steps.at(-1)!)).toBe(true)
  })

  it('is refused with createAside', async () => {
    const steps = await recordStaleFill('aside')
    expect(steps.map(({ row, cached, got }) => [row, cached, got])).toEqual([
      [10, undefined, undefined],
      [10, undefined, 10],
      [12, undefined, undefined],
      [12, undefined, undefined],
      [12, undefined, 10],
      [12, 12, 12],
    ])
    expect(steps.some(isStale)).toBe(false)
  })
})

describe('the limiters', () => {
  const LIMIT = 10
  const WINDOW = 10_000

  it.each(shapes)('stay within their bounds: %s', async (shape) => {
    const times = traffic(shape, 5, WINDOW)
    const results = await admit(times, LIMIT, WINDOW)
    for (const { title, admitted, most, bound } of results) {
      expect(admitted, title).toHaveLength(times.length)
      expect(most, title).toBeLessThanOrEqual(bound)
      expect(most, title).toBeGreaterThan(0)
      expect(admitted, title).toContain(false)
    }
    expect(results.find(({ title }) => title === 'Sliding window, exact')!.most).toBe(LIMIT)
  })

  it('show that a fixed window admits twice its limit across an edge', async () => {
    const results = await admit(traffic('at window edges', 5, WINDOW), LIMIT, WINDOW)
    const [fixed] = results
    expect(fixed!.title).toBe('Fixed window')
    expect(fixed!.most).toBe(2 * LIMIT - 1)
  })

  it('give the same picture each time', async () => {
    const times = traffic('random', 3, WINDOW)
    expect(await admit(times, LIMIT, WINDOW)).toEqual(await admit(times, LIMIT, WINDOW))
  })

  it('have traffic in order, from 0 on, and not longer than a minute', () => {
    for (const shape of shapes)
      for (const window of [5_000, 7_000, 30_000]) {
        const times = traffic(shape, 8, window)
        expect(times[0]).toBe(0)
        expect([...times].sort((a, b) => a - b)).toEqual(times)
        expect(times.at(-1)).toBeLessThan(61_000)
        expect(times.length).toBeGreaterThan(350)
      }
  })

  it('count the requests of a window that ends with each request', () => {
    expect(inWindowBefore([0, 5, 9, 10, 14, 15], 10)).toEqual([1, 2, 3, 3, 4, 4])
    expect(policies).toHaveLength(5)
  })
})

describe('a shard that is added', () => {
  it.each([2, 4, 9])('to %i others takes about its share with rendezvous', (shards) => {
    const { before, after, moved } = addShard('rendezvous', shards, 10_000)
    expect(moved / 10_000).toBeCloseTo(1 / (shards + 1), 1)
    before.forEach((shard, key) => expect([shard, shards]).toContain(after[key]))
  })

  it.each([2, 4, 9])('to %i others moves nearly all keys with modulo', (shards) => {
    const { moved } = addShard('modulo', shards, 10_000)
    expect(moved / 10_000).toBeCloseTo(shards / (shards + 1), 1)
  })
})
