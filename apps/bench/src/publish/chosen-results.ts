import type { StoredResult } from '../report/results.js'
import { scenarios } from '../scenarios/all.js'

/**
 * Returns results in the order of the scenarios.
 *
 * @throws {Error} if one of the `required` scenarios was not measured in full, or if the results
 * come from different machines or versions.
 */
export function chosenResults(
  all: readonly StoredResult[],
  required: readonly string[],
): readonly StoredResult[] {
  const full = scenarios.flatMap(({ name }) =>
    all.filter(({ scenario, scale }) => scenario === name && scale === 'full'),
  )
  const missing = required.filter((name) => !full.some(({ scenario }) => scenario === name))
  if (missing.length > 0)
    throw new Error(`Run these scenarios first: npm run bench -- --only "${missing.join()}"`)
  const expected = JSON.stringify(full[0]!.circumstances)
  const others = full.filter(({ circumstances }) => JSON.stringify(circumstances) !== expected)
  if (others.length > 0)
    throw new Error(
      `These results come from another machine or other versions than "${full[0]!.scenario}": ` +
        `${others.map(({ scenario }) => scenario).join(', ')}. Run them again, or delete them.`,
    )
  return full
}
