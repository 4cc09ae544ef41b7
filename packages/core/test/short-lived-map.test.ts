import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ShortLivedMap } from '../src/util/short-lived-map.js'

const key = fc.constantFrom('a', 'b', 'c')
const step = fc.oneof(
  fc.record({ do: fc.constant('set' as const), key }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({ do: fc.constant('clear' as const), key }),
)

describe('ShortLivedMap', () => {
  it('holds what a Map holds', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const [map, expected] = [new ShortLivedMap<object>(), new Map<string, object>()]
        for (const each of steps) {
          const value = {}
          if (each.do === 'set') {
            map.set(each.key, value)
            expected.set(each.key, value)
          } else {
            map[each.do](each.key)
            expected[each.do](each.key)
          }
          expect(map.size).toBe(expected.size)
          for (const name of ['a', 'b', 'c']) expect(map.get(name)).toBe(expected.get(name))
        }
      }),
    )
  })
})
