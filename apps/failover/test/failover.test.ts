import { describe, expect, it } from 'vitest'
import { libraries } from '../src/clients.js'
import { disturbances } from '../src/disturbances.js'
import { Tally } from '../src/trial.js'

/**
 * Longer than every deadline of a step: a lock waits for eight seconds, a write for two attempts.
 */
const HANGS = 15_000
/** What a failover may lose, since Redis acknowledges before its replicas have heard. */
const MAY_BE_LOST = [
  'stale reads',
  'entries that stay stale',
  'ids whose last write was lost',
  'two holders at once',
  'admitted beyond the limit',
]
/**
 * Of the usual steps, at least done while one primary of three is dead: by the patterns whose keys
 * are on all of them, at no replica's mercy. (Locks may all be wanted where the dead one was, and
 * are waited for.)
 */
const SERVED = 1 / 10
const SPREAD = ['aside', 'write-through', 'versioning', 'rate limit', 'near cache', 'write-behind']

/**
 * Where all servers are there all the time, but the machine may not be: a pause of it is no outage.
 */
const PATIENT = { readTimeout: '1s', writeTimeout: '3s', breaker: { cooldown: 200 } } as const

const all = disturbances
  .filter(({ long }) => process.env.CHAOS || !long)
  .flatMap((disturbance) =>
    libraries.map((library) => ({ ...disturbance, library, of: library.name })),
  )
/** In turn, so that a short run has all disturbances and both libraries. */
const some = process.env.CHAOS ? all : all.filter((_, i) => i % 4 === 0 || i % 4 === 3)

describe.each(some)('$name, over $of', ({ loses, leavesOthers, run, library }) => {
  it('every pattern goes on, nothing hangs, and nothing is lost but what a dead server alone knew', async () => {
    const courses = await run(
      library,
      process.env.CHAOS ? { inFlight: 8, calm: 5_000 } : { calm: 500 },
      loses ? undefined : PATIENT,
    )
    for (const { name, steps, meanwhile, usual, failuresAfterwards, longest, broken } of courses) {
      expect(steps, name).toBeGreaterThan(20)
      if (!loses) expect(meanwhile.failures, name).toBeLessThan(meanwhile.steps / 50)
      if (leavesOthers && SPREAD.includes(name))
        expect(meanwhile.steps, name).toBeGreaterThan(SERVED * usual)
      expect(failuresAfterwards, name).toEqual(new Tally())
      expect(longest, name).toBeLessThan(HANGS)
      expect(
        [...broken.keys()].filter((what) => !loses || !MAY_BE_LOST.includes(what)),
        name,
      ).toEqual([])
    }
    // What had to be on a replica before it was acknowledged is not lost either.
    const replicated = courses.find(({ name }) => name.startsWith('write-behind, on'))
    if (loses) expect(replicated!.broken).toEqual(new Tally())
  }, 180_000)
})
