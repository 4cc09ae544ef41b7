import type { ClockReading } from '@cache/core/internal'
import { describe, expect, it } from 'vitest'
import { serverTimeAt } from '../src/load-starts.js'

/** By how much the server's clock is set between the two readings, in ms. */
const SET_BY = [0, -60_000, 60_000]

describe.each(SET_BY)('the time when a load began, with a clock that is set by %s ms', (setBy) => {
  it('is before every revalidation after that, however long the round trips take', () => {
    for (let i = 0; i < 10_000; i++) {
      const { at, clock, now } = randomLoad(setBy)
      const begun = serverTimeAt({ at, clock }, now, 0) / 1_000
      // A revalidation after the begin of the load has a time of the clock before or after it was
      // set.
      expect(begun).toBeLessThanOrEqual(at + 0.001)
      if (setBy < 0) expect(begun).toBeLessThanOrEqual(at + setBy + 0.001)
    }
  })
})

it('is after every revalidation before the clock was asked for', () => {
  for (let i = 0; i < 10_000; i++) {
    const { at, clock, now } = randomLoad(0)
    expect(serverTimeAt({ at, clock }, now, 0)).toBeGreaterThanOrEqual(clock.time)
  }
})

/** A load between two readings of a clock that agrees with that of the process before it is set. */
function randomLoad(setBy: number) {
  const clock = randomReading(1_000, 0)
  const at = clock.answered + pause()
  const now = randomReading(at + pause(), setBy)
  return { at, clock, now }
}

function randomReading(asked: number, setBy: number): ClockReading {
  const executed = asked + pause()
  return { asked, time: 1_000 * (executed + setBy), answered: executed + pause() }
}

/** Mostly short, sometimes long. */
function pause(): number {
  return Math.random() < 0.5 ? Math.random() : 200 * Math.random()
}
