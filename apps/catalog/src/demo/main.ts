import { parseArgs } from 'node:util'
import { startDemo } from './start-demo.js'
import { getProduct, patchProduct, statsOf } from './http.js'
import type { Log } from './log.js'
import { runLoops } from './run-loops.js'
import type { ScenarioResult } from './scenarios/scenario.js'

const {
  values: { once },
} = parseArgs({ options: { once: { type: 'boolean', default: false } } })
const log: Log = (message) => console.log(`· ${message}`)

await using demo = await startDemo(log)
if (once) process.exitCode = await runScenarios()
else await keepRunning()

/** Runs all scenarios and prints a report. Returns the exit code: 0 if all checks passed. */
async function runScenarios(): Promise<number> {
  const results: ScenarioResult[] = []
  for (const run of demo.scenarios) results.push(await run())
  console.log()
  console.table(
    Object.fromEntries(
      results.flatMap(({ rows }) => rows).map(({ scenario, ...row }) => [scenario, row]),
    ),
  )
  const checks = results.flatMap((result) => result.checks)
  for (const { description, passed } of checks) console.log(`${passed ? '✓' : '✗'} ${description}`)
  for (const description of demo.skipped) console.log(`- skipped without a Redis: ${description}`)
  const failed = checks.filter(({ passed }) => !passed).length
  console.log(
    failed === 0 ? '\nAll checks passed.' : `\n${failed} of ${checks.length} checks failed.`,
  )
  return failed === 0 ? 0 : 1
}

/** Generates light traffic until Ctrl-C. */
async function keepRunning(): Promise<void> {
  const { catalogs, data } = demo
  for (const { name, url } of catalogs)
    console.log(`catalog on ${name}: ${url}/products/42   counters: ${url}/stats`)
  console.log(`Data: ${data}\nPress Ctrl-C to stop.`)
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })
  process.once('SIGTERM', () => {
    stopped = true
  })
  while (!stopped) {
    await runLoops(4, 3_000, async (i) => {
      if (stopped) return
      const catalog = catalogs[i % 2]!
      if (i % 50 === 0) await patchProduct(catalog, 1 + (i % 100), { priceCents: i })
      else await getProduct(catalog, 1 + (i % 100))
      await new Promise((resolve) => setTimeout(resolve, 10))
    })
    const { hits, misses, loads, errors } = await statsOf(catalogs)
    console.log(`${hits} hits, ${misses} misses, ${loads} loads, ${errors} errors`)
  }
}
