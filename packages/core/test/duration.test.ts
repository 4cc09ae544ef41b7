import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError, duration, parseDuration, type Duration } from '../src/index.js'
import { jittered } from '../src/internal.js'

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

describe('parseDuration', () => {
  it.each<[Duration, number]>([
    [1, 1],
    [300_000, 300_000],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1 hour', 3_600_000],
    ['1hour', 3_600_000],
    ['5 m', 300_000],
    ['30 minutes', 1_800_000],
    ['1.5 days', 129_600_000],
    ['10 seconds', 10_000],
    ['250 milliseconds', 250],
    ['1 week', 604_800_000],
    ['1.5s', 1_500],
    ['0.1ms', 1],
    [0.2, 1],
    [1.6, 2],
    ['007s', 7_000],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('converts %j to %d ms', (duration, ms) => {
    expect(parseDuration(duration, 'ttl')).toBe(ms)
  })

  it('accepts any number with a unit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000_000 }),
        fc.constantFrom(...(Object.keys(UNITS) as (keyof typeof UNITS)[])),
        (count, unit) => {
          expect(parseDuration(`${count}${unit}`, 'ttl')).toBe(count * UNITS[unit])
        },
      ),
    )
  })

  it('returns whole milliseconds of at least 1, or refuses', () => {
    fc.assert(
      fc.property(fc.double(), (ms) => {
        if (ms > 0 && ms <= Number.MAX_SAFE_INTEGER) {
          const parsed = parseDuration(ms, 'ttl')
          expect(parsed).toSatisfy(Number.isSafeInteger)
          expect(parsed).toBeGreaterThanOrEqual(1)
          expect(Math.abs(parsed - ms)).toBeLessThanOrEqual(1)
        } else expect(() => parseDuration(ms, 'ttl')).toThrow(InvalidOptionError)
      }),
    )
  })

  const wrong: readonly unknown[] = [
    0,
    -0,
    -1,
    NaN,
    Infinity,
    -Infinity,
    2 ** 53,
    2 ** 60,
    '',
    ' ',
    '5',
    '5  m',
    '5\tm',
    '1 Hour',
    '1 hour ago',
    '1 constructor',
    '1 fortnight',
    ' 5m',
    '5m ',
    '5m\n',
    '-5m',
    '+5m',
    '0s',
    '0ms',
    '.5s',
    '5.s',
    '1e3ms',
    '0x10ms',
    '1_000ms',
    'ms',
    's5',
    '5min',
    '5M',
    '5S',
    'Infinitys',
    '٥s',
    '9007199254740992ms',
    '99999999999999d',
    undefined,
    null,
    true,
    {},
    [],
    [5],
    5n,
    { valueOf: () => 5 },
    () => 5,
  ]
  it.each(wrong.map((duration) => [duration]))('refuses %o, naming the option', (duration) => {
    const parse = (): unknown => parseDuration(duration as Duration, 'loadTimeout.soft')
    expect(parse).toThrow(InvalidOptionError)
    expect(parse).toThrow(
      expect.objectContaining({ option: 'loadTimeout.soft', code: 'INVALID_OPTION' }),
    )
    expect(parse).toThrow('"loadTimeout.soft" must be a duration')
  })

  it('refuses a giant text quickly', () => {
    const started = performance.now()
    for (const unit of ['x', 's'])
      expect(() => parseDuration(`${'1'.repeat(5_000_000)}${unit}` as Duration, 'ttl')).toThrow(
        InvalidOptionError,
      )
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

describe('duration', () => {
  it.each(['30s', '1 hour', '7d', '500ms'])('returns %j as a duration', (text) => {
    expect(duration(text)).toBe(text)
    expect(parseDuration(duration(text), 'ttl')).toBeGreaterThan(0)
  })

  it('ignores white space around it', () => {
    expect(duration(' 5m\n')).toBe('5m')
  })

  it('returns the fallback if the variable is missing or empty', () => {
    expect(duration(undefined, '1h')).toBe('1h')
    expect(duration('', '1h')).toBe('1h')
    expect(duration('5m', '1h')).toBe('5m')
  })

  it.each([undefined, '', '60', '60000', 'never', '0s', '1 h 5 m', '-5m'])(
    'refuses %j, whose unit or value is not known',
    (text) => {
      expect(() => duration(text)).toThrow('"duration" must be a duration with a unit')
    },
  )

  it('refuses a wrong text and a wrong fallback', () => {
    expect(() => duration('60', '1h')).toThrow(InvalidOptionError)
    expect(() => duration(undefined, '1x' as Duration)).toThrow('"fallback" must be a duration')
  })
})

describe('jittered', () => {
  it('stays within its share, and is whole and never 0', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (ms, share) => {
          const varied = jittered(ms, share)
          expect(Number.isSafeInteger(varied)).toBe(true)
          expect(varied).toBeGreaterThanOrEqual(Math.max(1, Math.floor(ms * (1 - share))))
          expect(varied).toBeLessThanOrEqual(Math.ceil(ms * (1 + share)))
        },
      ),
    )
  })

  it('spreads values over the whole range, evenly up and down', () => {
    const all = Array.from({ length: 10_000 }, () => jittered(60_000, 0.1))
    expect(Math.min(...all)).toBeLessThan(54_100)
    expect(Math.max(...all)).toBeGreaterThan(65_900)
    const mean = all.reduce((sum, ms) => sum + ms) / all.length
    // The standard deviation of the mean is 12,000 / √12 / 100 = 35.
    expect(Math.abs(mean - 60_000)).toBeLessThan(250)
  })

  it('is never 0, whatever the share', () => {
    for (const ms of [1, 2])
      for (let i = 0; i < 1_000; i++) expect(jittered(ms, 1)).toBeGreaterThanOrEqual(1)
  })

  it('changes nothing if the share is 0', () => {
    expect(jittered(60_000, 0)).toBe(60_000)
  })
})
