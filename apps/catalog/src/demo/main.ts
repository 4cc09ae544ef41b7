import { parseArgs } from 'node:util'
import { loops } from './checker.js'
import { getProduct, patchProduct, statsOf } from './http.js'
import { scenes } from './scenes.js'
import type { Outcome } from './scenes/outcome.js'
import { setStage } from './stage.js'

const {
  values: { once },
} = parseArgs({ options: { once: { type: 'boolean', default: false } } })
const tell = (what: string): void => console.log(`· ${what}`)

await using stage = await setStage(tell)
if (once) process.exitCode = await runThrough()
else await keepRunning()

/** All scenes, then what happened. 0 if everything held. */
async function runThrough(): Promise<number> {
  const outcomes: Outcome[] = []
  for (const scene of scenes) outcomes.push(await scene(stage, tell))
  console.log()
  console.table(
    Object.fromEntries(
      outcomes.flatMap(({ rows }) => rows).map(({ scene, ...row }) => [scene, row]),
    ),
  )
  const expectations = outcomes.flatMap((outcome) => outcome.expectations)
  for (const { what, holds } of expectations) console.log(`${holds ? '✓' : '✗'} ${what}`)
  const failed = expectations.filter(({ holds }) => !holds).length
  console.log(
    failed === 0 ? '\nEverything held.' : `\n${failed} of ${expectations.length} did not hold.`,
  )
  return failed === 0 ? 0 : 1
}

/** Light traffic until Ctrl-C. */
async function keepRunning(): Promise<void> {
  const { catalogs, redis } = stage
  for (const { name, url } of catalogs)
    console.log(`catalog on ${name}: ${url}/products/42   counters: ${url}/stats`)
  console.log(`Redis: ${redis.url}\nCtrl-C ends it.`)
  let stopped = false
  process.once('SIGINT', () => {
    stopped = true
  })
  process.once('SIGTERM', () => {
    stopped = true
  })
  while (!stopped) {
    await loops(4, 3_000, async (i) => {
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
