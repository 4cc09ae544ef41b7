import { scenariosWithGoals } from '../report/goals.js'
import { scenarios } from './all.js'
import type { Scenario } from './scenario.js'

/**
 * Returns the scenarios of a list such as `hit,cold key`; all without a list. `goals` stands for
 * all scenarios with goals.
 *
 * @throws {Error} for a name that no scenario has.
 */
export function scenariosNamed(list: string | undefined): readonly Scenario[] {
  if (list === undefined) return scenarios
  const names = list
    .split(',')
    .map((name) => name.trim())
    .flatMap((name) => (name === 'goals' ? scenariosWithGoals : [name]))
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name))
  if (unknown.length > 0)
    throw new Error(
      `No scenario is called ${unknown.join(', ')}. ` +
        `There are: goals, ${scenarios.map(({ name }) => name).join(', ')}.`,
    )
  return scenarios.filter(({ name }) => names.includes(name))
}
