import { expect, it } from 'vitest'
import { RecentMap } from '../src/internal.js'

it('drops the oldest entries once there are too many', () => {
  const map = new RecentMap<number>({ max: 3, maxBytes: 1_000 })
  for (const [i, key] of ['a', 'b', 'c', 'a', 'd'].entries()) map.set(key, i)
  expect(map.size).toBe(3)
  expect(['a', 'b', 'c', 'd'].map((key) => map.get(key))).toEqual([3, undefined, 2, 4])
})

it('drops the oldest entries once keys and values have too many bytes', () => {
  const map = new RecentMap<string>({ max: 1_000, maxBytes: 100 })
  for (let i = 0; i < 10; i++) map.set(`${i}`.padEnd(30, '-'), 'x', i === 9 ? 40 : 0)
  expect(map.size).toBe(2)
  map.delete('9'.padEnd(30, '-'))
  for (let i = 0; i < 200; i++) map.set(String(i), 'x')
  expect(map.size).toBe(33)
})

it('does not keep a value larger than the limit, and removes the one it replaces', () => {
  const map = new RecentMap<string>({ max: 10, maxBytes: 100 })
  map.set('a', 'small')
  map.set('a', 'large', 100)
  expect(map.get('a')).toBeUndefined()
  map.set('b', 'fits', 99)
  expect(map.get('b')).toBe('fits')
  map.clear()
  map.set('c', 'fits', 99)
  expect(map.size).toBe(1)
})

it('limits the bytes only if it is asked to', () => {
  const map = new RecentMap<string>({ max: 2 })
  for (const key of ['a', 'b', 'c']) map.set(key, key, 2 ** 40)
  expect([map.size, map.get('a'), map.get('c')]).toEqual([2, undefined, 'c'])
})

it('drops the oldest entries whatever was set, deleted and cleared before', () => {
  const map = new RecentMap<number>({ max: 5 })
  const model = new Map<string, number>()
  for (let i = 0; i < 5_000; i++) {
    const key = String((i * 7919) % 13)
    if (i % 11 === 0) {
      map.delete(key)
      model.delete(key)
    } else if (i % 501 === 0) {
      map.clear()
      model.clear()
    } else {
      map.set(key, i)
      model.delete(key)
      model.set(key, i)
      for (const oldest of [...model.keys()].slice(0, -5)) model.delete(oldest)
    }
    expect(map.size).toBe(model.size)
    for (const [other, value] of model) expect(map.get(other)).toBe(value)
  }
})
