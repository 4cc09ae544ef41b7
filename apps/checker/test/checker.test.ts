import { describe, expect, it } from 'vitest'
import { check, type CheckOptions } from '../src/check.js'
import { patternNames, type PatternName } from '../src/patterns/all.js'
import { topologies } from '../src/reach.js'
import { fullReport } from '../src/report.js'

const LONG = process.env.CHAOS !== undefined
const SECONDS = LONG ? 600 : 8
const SEED = 7

async function checked(options: Omit<CheckOptions, 'seed'>) {
  const verdict = await check({ ...options, seed: SEED })
  return { ...verdict, report: fullReport(verdict) }
}

describe.each(LONG ? topologies : (['standalone', 'cluster'] as const))('on %s', (on) => {
  it(
    `all guarantees hold for ${SECONDS} s of faults`,
    async () => {
      const { violations, counts, faults, report } = await checked({
        on,
        duration: SECONDS * 1_000,
      })
      expect(violations, report).toEqual([])
      for (const what of DONE) expect(counts[what], `${what}\n${report}`).toBeGreaterThan(0)
      expect(Object.keys(faults).length, report).toBeGreaterThan(LONG ? 10 : 2)
    },
    (SECONDS + 300) * 1_000,
  )
})

/**
 * How long the usual form of each pattern may go unnoticed; most are found in the first seconds.
 */
const NAIVE_FOR = 40_000

it.each(patternNames)(
  '%s as it is usually written is caught',
  async (pattern: PatternName) => {
    // What only a final comparison finds needs an end.
    const duration = pattern === 'write-behind' ? 6_000 : NAIVE_FOR
    const { violations, report } = await checked({
      on: 'standalone',
      duration,
      patterns: [pattern],
      naive: true,
      stopAtFirst: true,
    })
    const caught = violations.filter((what) => what.startsWith(`${pattern}: `))
    expect(caught.length, report).toBeGreaterThan(0)
  },
  NAIVE_FOR + 120_000,
)

const DONE = [
  'aside: reads',
  'aside: writes',
  'write-through: reads',
  'write-through: writes',
  'versioning: reads',
  'versioning: writes',
  'hierarchical: reads',
  'hierarchical: group reads',
  'near: hits',
  'near: writes',
  'lock: overlaps checked',
  'ratelimit: admissions checked',
  'write-behind: applied at the end',
]
