import { expect, it } from 'vitest'
import { backoff, Backoff } from '../src/internal.js'

const pauses = (options: Parameters<typeof backoff>[1]): readonly number[] =>
  [1, 2, 3, 4].map((failures) => backoff(failures, options))

it('grows with each failure, up to the maximum', () => {
  expect(pauses({ first: 50 })).toEqual([50, 100, 200, 400])
  expect(pauses({ first: 50, max: 150 })).toEqual([50, 100, 150, 150])
  expect(pauses({ first: 10, factor: 1 })).toEqual([10, 10, 10, 10])
  expect(backoff(10_000, { first: 20, max: 1_000 })).toBe(1_000)
})

it('is shortened at random by the jitter at most', () => {
  const seen = Array.from({ length: 1_000 }, () => backoff(2, { first: 100, jitter: 0.25 }))
  expect(Math.max(...seen)).toBeLessThanOrEqual(200)
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(150)
  expect(Math.max(...seen) - Math.min(...seen)).toBeGreaterThan(25)
})

it('begins anew after a success', () => {
  const counter = new Backoff({ first: 20, max: 50 })
  expect([counter.next(), counter.next(), counter.next()]).toEqual([20, 40, 50])
  counter.reset()
  expect(counter.next()).toBe(20)
})
