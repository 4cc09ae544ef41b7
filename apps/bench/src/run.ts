import { mkdirSync, writeFileSync } from 'node:fs'
import { startRedis } from '@cache/testkit'
import { printGoals, type Goal } from './report/goal.js'
import { goalsOf } from './report/goals.js'
import { type Measured, picture, themes } from './report/picture.js'
import { printTable } from './report/table.js'
import { circumstances } from './report/versions.js'
import type { Scale, Scenario } from './scenarios/scenario.js'

/** The scenarios that `benchmark-light.svg` and `benchmark-dark.svg` show. */
const OVERVIEW = ['hit', 'cold key', 'rate limit', 'contended lock']

/** Runs scenarios, prints their tables and goals, and writes both into a folder. */
export async function run(
  scenarios: readonly Scenario[],
  scale: Scale,
  folder: string,
): Promise<void> {
  const redis = await startRedis()
  const measured = circumstances(redis.version)
  await redis.stop()
  console.table(measured)
  mkdirSync(folder, { recursive: true })
  const overview: Measured[] = []
  const allGoals: Goal[] = []
  for (const scenario of scenarios) {
    const { name, about } = scenario
    console.log(`\n${name} …`)
    const result = await scenario.run(scale)
    printTable(scenario, result)
    const goals = goalsOf(name, result)
    if (scale === 'full') printGoals(goals)
    allGoals.push(...goals)
    const file = `${folder}/${name.replaceAll(' ', '-')}`
    const json = { scenario: name, about, circumstances: measured, ...result, goals }
    writeFileSync(`${file}.json`, `${JSON.stringify(json, null, 2)}\n`)
    writeFileSync(`${file}.svg`, await picture([{ scenario, result }]))
    if (OVERVIEW.includes(name)) overview.push({ scenario, result })
  }
  if (overview.length === OVERVIEW.length)
    for (const [theme, colours] of Object.entries(themes))
      writeFileSync(`${folder}/benchmark-${theme}.svg`, await picture(overview, colours))
  if (scale === 'full' && scenarios.length > 1) {
    console.log('\nAll goals:')
    printGoals(allGoals)
  }
  console.log(`\nAs JSON and pictures: ${folder}/`)
}
