import { expect, it } from 'vitest'
import { draw } from '../src/workload/access.js'
import { idKinds, plainLike } from '../src/workload/id-kinds.js'
import { compositeId, compositeIds } from '../src/workload/ids.js'
import { product, productOf } from '../src/workload/product.js'

const KIB = 1_024

it('ids are different, and composite as those of applications', () => {
  expect(compositeId(123)).toBe('c3:key:123')
  expect(new Set(compositeIds(1_000)).size).toBe(1_000)
  for (const ids of Object.values(idKinds)) expect(new Set(ids).size).toBe(ids.length)
  expect(plainLike('größe:%20')).toBe('grxxexx20')
})

it.each([100, KIB, 10 * KIB, 100 * KIB])('a product of %i bytes has about as many', (bytes) => {
  const length = JSON.stringify(productOf(compositeId(123), bytes)).length
  expect(length).toBeGreaterThan(0.95 * bytes)
  expect(length).toBeLessThan(1.1 * bytes)
})

it('a product has the id that it is made for', () => {
  expect(product('a:1').id).toBe('a:1')
  expect(productOf('a:1', KIB).id).toBe('a:1')
})

it('hot access reads few ids most of the time, and uniform access all equally often', () => {
  const ids = compositeIds(1_000)
  const shares = (['hot', 'uniform'] as const).map((access) => {
    const id = draw(ids, access)
    const counts = new Map<string, number>()
    for (let i = 0; i < 60_000; i++) {
      const drawn = id()
      counts.set(drawn, (counts.get(drawn) ?? 0) + 1)
    }
    const top = [...counts.values()].sort((a, b) => b - a).slice(0, 100)
    return top.reduce((sum, count) => sum + count, 0) / 60_000
  })
  expect(shares[0]).toBeGreaterThan(0.6)
  expect(shares[1]).toBeLessThan(0.2)
})

it('contenders draw the same sequence', () => {
  const [one, other] = [draw(compositeIds(50)), draw(compositeIds(50))]
  for (let i = 0; i < 100; i++) expect(one()).toBe(other())
})
