import { scenariosWithGoals } from '../report/goals.js'
import { selectNamed } from '../select-named.js'
import { scenarios } from './all.js'
import type { Scenario } from './scenario.js'

/** Returns the scenarios of a list. `goals` stands for all scenarios with goals. */
export function scenariosNamed(list: string | undefined): readonly Scenario[] {
  return selectNamed(list?.replace(/\bgoals\b/, scenariosWithGoals.join()), scenarios)
}
