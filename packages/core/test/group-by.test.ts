import { expect, it } from 'vitest'
import { groupBy } from '../src/internal.js'

it('keeps the order of groups and of their items', () => {
  const groups = groupBy(['b1', 'a1', 'b2', 'c1', 'a2'], (item) => item[0])
  expect([...groups]).toEqual([
    ['b', ['b1', 'b2']],
    ['a', ['a1', 'a2']],
    ['c', ['c1']],
  ])
})

it('groups anything that can be iterated, by any key', () => {
  expect([...groupBy(new Set([1, NaN, 2]).values(), (n) => (n > 1 ? undefined : NaN))]).toEqual([
    [NaN, [1, NaN]],
    [undefined, [2]],
  ])
  expect(groupBy([], String).size).toBe(0)
})
