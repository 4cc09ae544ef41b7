import { describe, expect, it } from 'vitest'
import { libraries } from '../src/clients.js'
import { faults } from '../src/faults/all.js'
import { Counter } from '../src/workload.js'

/**
 * Longer than every deadline of a step: a lock waits for eight seconds, a write for two attempts.
 */
const HANG_THRESHOLD = 15_000
/** Violations that a failover may cause, because Redis acknowledges before it replicates. */
const ALLOWED_VIOLATIONS = [
  'stale reads',
  'entries that stay stale',
  'ids whose last write was lost',
  'two holders at once',
  'admitted beyond the limit',
]
/**
 * The fraction of the expected steps that a pattern must complete while one of three primaries is
 * dead. It applies to patterns whose keys are on all primaries and that do not wait for replicas.
 * (The few locks may all be on the dead primary, and callers wait for them.)
 */
const MIN_SERVED = 1 / 10
const SPREAD_PATTERNS = [
  'aside',
  'write-through',
  'versioning',
  'rate limit',
  'near cache',
  'write-behind',
]

/**
 * For faults during which all servers are available. A pause of the machine is not an outage.
 */
const PATIENT = { readTimeout: '1s', writeTimeout: '3s', breaker: { cooldown: 200 } } as const

const allCases = faults
  .filter(({ long }) => process.env.CHAOS || !long)
  .flatMap((fault) =>
    libraries.map((library) => ({ ...fault, library, libraryName: library.name })),
  )
/** A short run alternates between the libraries, so that it covers both and all faults. */
const cases = process.env.CHAOS ? allCases : allCases.filter((_, i) => i % 4 === 0 || i % 4 === 3)

describe.each(cases)('$name, over $libraryName', ({ losesWrites, leavesOthers, run, library }) => {
  it('every pattern recovers, nothing hangs, and only unreplicated writes are lost', async () => {
    const reports = await run(
      library,
      process.env.CHAOS ? { concurrency: 8, calm: 5_000 } : { calm: 500 },
      losesWrites ? undefined : PATIENT,
    )
    for (const report of reports) {
      const { name, duringFault, violations } = report
      expect(report.steps, name).toBeGreaterThan(20)
      if (!losesWrites) expect(duringFault.failures, name).toBeLessThan(duringFault.steps / 50)
      if (leavesOthers && SPREAD_PATTERNS.includes(name))
        expect(duringFault.steps, name).toBeGreaterThan(MIN_SERVED * report.expectedSteps)
      expect(report.failuresAfterRecovery, name).toEqual(new Counter())
      expect(report.longestStep, name).toBeLessThan(HANG_THRESHOLD)
      expect(
        [...violations.keys()].filter(
          (violation) => !losesWrites || !ALLOWED_VIOLATIONS.includes(violation),
        ),
        name,
      ).toEqual([])
    }
    // Writes that were acknowledged only once they were on a replica are not lost either.
    const replicated = reports.find(({ name }) => name.startsWith('write-behind, on'))
    if (losesWrites) expect(replicated!.violations).toEqual(new Counter())
  }, 180_000)
})
