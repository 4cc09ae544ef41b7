import { startRedis } from '@cache/testkit'
import { printGoals, type Goal } from './report/goal.js'
import { goalsOf } from './report/goals.js'
import { storeResult } from './report/results.js'
import { printTable } from './report/table.js'
import { circumstancesOf } from './report/versions.js'
import type { Scale, Scenario } from './scenarios/scenario.js'

/** Runs scenarios, prints their tables and goals, and writes both into a folder. */
export async function run(
  scenarios: readonly Scenario[],
  scale: Scale,
  folder: string,
): Promise<void> {
  const redis = await startRedis()
  const circumstances = circumstancesOf(redis.version)
  await redis.stop()
  console.table(circumstances)
  const allGoals: Goal[] = []
  for (const scenario of scenarios) {
    console.log(`\n${scenario.name} …`)
    const result = await scenario.run(scale)
    printTable(scenario, result)
    const goals = goalsOf(scenario.name, result)
    if (scale === 'full') printGoals(goals)
    allGoals.push(...goals)
    await storeResult(folder, scenario, result, { scale, circumstances, goals })
  }
  if (scale === 'full' && scenarios.length > 1) {
    console.log('\nAll goals:')
    printGoals(allGoals)
  }
  console.log(`\nAs JSON and pictures: ${folder}/`)
}
