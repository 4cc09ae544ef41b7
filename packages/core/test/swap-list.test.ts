import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SwapList, type Handle } from '../src/internal.js'

it('a SwapList holds the same items as a Set, in any order of changes', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat({ max: 1_000 })), { maxLength: 200 }), (steps) => {
      const bag = new SwapList<number>()
      const seats: Handle<number>[] = []
      const model = new Set<Handle<number>>()
      for (const [item, step] of steps.entries()) {
        if (step === null) {
          const seat = bag.add(item)
          seats.push(seat)
          model.add(seat)
        } else if (seats.length > 0) {
          const seat = seats[step % seats.length]!
          expect(bag.delete(seat)).toBe(model.delete(seat))
        }
        expect(bag.size).toBe(model.size)
      }
      expect([...bag].sort((a, b) => a - b)).toEqual(
        [...model].map((seat) => seat.item).sort((a, b) => a - b),
      )
    }),
  )
})

it('an item that is deleted during an iteration is still seen once', () => {
  const bag = new SwapList<string>()
  const seats = ['a', 'b', 'c'].map((item) => bag.add(item))
  const seen: string[] = []
  for (const item of bag) {
    seen.push(item)
    for (const seat of seats) bag.delete(seat)
  }
  expect(seen.sort()).toEqual(['a', 'b', 'c'])
  expect(bag.size).toBe(0)
})
