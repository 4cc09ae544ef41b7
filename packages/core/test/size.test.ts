import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError, type Size } from '../src/index.js'
import { parseSize } from '../src/internal.js'

const UNITS = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const

describe('parseSize', () => {
  it.each<[Size, number]>([
    [1, 1],
    [4096, 4096],
    ['512b', 512],
    ['4kb', 4_096],
    ['64mb', 67_108_864],
    ['1gb', 1_073_741_824],
    ['1.5kb', 1_536],
    [0.4, 1],
    ['0.1b', 1],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('converts %j to %d bytes', (size, bytes) => {
    expect(parseSize(size, 'threshold')).toBe(bytes)
  })

  it('accepts any number with a unit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[])),
        (count, unit) => {
          expect(parseSize(`${count}${unit}`, 'threshold')).toBe(count * UNITS[unit])
        },
      ),
    )
  })

  const wrong: readonly unknown[] = [
    0,
    -1,
    NaN,
    Infinity,
    2 ** 53,
    '',
    '4',
    '4 kb',
    ' 4kb',
    '4kb\n',
    '-4kb',
    '0kb',
    '.5kb',
    '1e3b',
    '4k',
    '4KB',
    '4kib',
    '4tb',
    'kb',
    '9007199254740992b',
    undefined,
    null,
    true,
    {},
    [],
    [4],
    4n,
    () => 4,
  ]
  it.each(wrong.map((size) => [size]))('refuses %o, naming the option', (size) => {
    const parse = (): unknown => parseSize(size as Size, 'maxValueBytes')
    expect(parse).toThrow(InvalidOptionError)
    expect(parse).toThrow(expect.objectContaining({ option: 'maxValueBytes' }))
    expect(parse).toThrow('"maxValueBytes" must be a size')
  })
})
