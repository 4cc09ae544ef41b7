import { describe, expect, it } from 'vitest'
import { check, type CheckOptions } from '../src/check.js'
import { patternNames, type PatternName } from '../src/patterns/all.js'
import { topologies } from '../src/connection-target.js'
import { fullReport } from '../src/report.js'

const LONG = process.env.CHAOS !== undefined
const SECONDS = LONG ? 600 : 8
const SEED = 7

async function checked(options: Omit<CheckOptions, 'seed'>) {
  const result = await check({ ...options, seed: SEED })
  return { ...result, report: fullReport(result) }
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
      for (const activity of EXPECTED_ACTIVITY)
        expect(counts[activity], `${activity}\n${report}`).toBeGreaterThan(0)
      expect(Object.keys(faults).length, report).toBeGreaterThan(LONG ? 10 : 2)
    },
    (SECONDS + 300) * 1_000,
  )
})

/**
 * How long a naive implementation may stay undetected. Most are detected within seconds, and all
 * take longer beside another suite.
 */
const NAIVE_TIMEOUT = 80_000

it.each(patternNames)(
  'the naive implementation of %s is detected',
  async (pattern: PatternName) => {
    // write-behind is verified at the end of a run, so the run must be short.
    const duration = pattern === 'write-behind' ? 6_000 : NAIVE_TIMEOUT
    const { violations, report } = await checked({
      on: 'standalone',
      duration,
      patterns: [pattern],
      naive: true,
      stopAtFirst: true,
    })
    const caught = violations.filter((description) => description.startsWith(`${pattern}: `))
    expect(caught.length, report).toBeGreaterThan(0)
  },
  NAIVE_TIMEOUT + 120_000,
)

const EXPECTED_ACTIVITY = [
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
