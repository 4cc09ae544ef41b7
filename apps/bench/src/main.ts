import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { startRedis } from '@cache/testkit'
import { goalsOf, printGoals } from './report/goals.js'
import { type Measured, picture, themes } from './report/picture.js'
import { printTable } from './report/table.js'
import { circumstances } from './report/versions.js'
import { scenarios } from './scenarios/all.js'

// `pnpm bench [--only hit,miss] [--short] [--out folder]`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    out: { type: 'string', default: 'results' },
  },
})
const only = options.only?.split(',').map((name) => name.trim())
const unknown = only?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? []
if (unknown.length > 0) {
  console.error(
    `No scenario is called ${unknown.join(', ')}. ` +
      `There are: ${scenarios.map(({ name }) => name).join(', ')}.`,
  )
  process.exit(1)
}

const redis = await startRedis()
const measured = circumstances(redis.version)
await redis.stop()
console.table(measured)

/** The scenarios that `benchmark-light.svg` and `benchmark-dark.svg` show. */
const OVERVIEW = ['hit', 'cold key', 'rate limit', 'contended lock']
const overview: Measured[] = []

mkdirSync(options.out, { recursive: true })
for (const scenario of scenarios) {
  if (only && !only.includes(scenario.name)) continue
  console.log(`\n${scenario.name} …`)
  const result = await scenario.run(options.short ? 'short' : 'full')
  printTable(scenario, result)
  const goals = goalsOf(scenario.name, result)
  if (!options.short) printGoals(goals)
  const file = `${options.out}/${scenario.name.replaceAll(' ', '-')}`
  const { name, about } = scenario
  const json = { scenario: name, about, circumstances: measured, ...result, goals }
  writeFileSync(`${file}.json`, `${JSON.stringify(json, null, 2)}\n`)
  writeFileSync(`${file}.svg`, await picture([{ scenario, result }]))
  if (OVERVIEW.includes(name)) overview.push({ scenario, result })
}
if (overview.length === OVERVIEW.length)
  for (const [theme, colours] of Object.entries(themes)) {
    writeFileSync(`${options.out}/benchmark-${theme}.svg`, await picture(overview, colours))
  }
console.log(`\nAs JSON and pictures: ${options.out}/`)
process.exit(0) // Some libraries keep their connections open.
