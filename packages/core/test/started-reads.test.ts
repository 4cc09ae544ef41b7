import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StartedReads } from '../src/util/started-reads.js'

describe('StartedReads', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => vi.useRealTimers())

  it('returns what the oldest read began with, until each has brought its result', () => {
    const reads = new StartedReads<number>()
    for (const start of [1, 2]) reads.add('key', start)
    expect(reads.take('key')).toBe(1)
    reads.add('key', 3)
    expect([reads.take('key'), reads.take('key'), reads.take('key')]).toEqual([1, 1, undefined])
    reads.add('key', 4)
    expect(reads.take('key')).toBe(4)
  })

  it('knows nothing while a read is under way whose start is unknown', () => {
    const reads = new StartedReads<number>()
    reads.add('key', undefined)
    reads.add('key', 2)
    expect([reads.take('key'), reads.take('key')]).toEqual([undefined, undefined])
  })

  it('forgets a read that has not ended within ten minutes', () => {
    const reads = new StartedReads<number>()
    reads.add('key', 1)
    vi.advanceTimersByTime(600_000)
    reads.add('key', 2)
    expect([reads.take('key'), reads.take('key')]).toEqual([2, undefined])
  })

  it('keeps 10 000 keys, and trusts no result while one without room may arrive', () => {
    const reads = new StartedReads<number>()
    for (let i = 0; i < 10_000; i++) reads.add(`failed ${i}`, 1)
    reads.add('key', 1)
    reads.take('failed 0')
    reads.add('key', 2)
    expect(reads.take('key')).toBeUndefined()
    vi.advanceTimersByTime(600_000)
    reads.add('key', 3)
    expect(reads.take('key')).toBe(3)
  })
})
