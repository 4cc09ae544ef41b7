import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { scenariosWithGoals } from '../report/goals.js'
import { picture, themes } from '../report/picture.js'
import { storedResults, type StoredResult } from '../report/results.js'
import { chosenResults } from './chosen-results.js'
import { goalTable, headlines, machineOf, resultTable, versionsOf } from './markdown.js'
import { withBlock } from './with-block.js'

/** The scenarios in the picture. */
const PICTURED = ['hit', 'cold key', 'rate limit', 'contended lock']
const PICTURES = 'apps/docs/public/pictures'
const COMMAND = 'npm run bench -- --only goals'
const ALT =
  'Benchmark: cached reads and cold keys against the bare clients and other libraries; ' +
  'rate limits and locks against other libraries'

/**
 * Writes the results in a folder into the root README and the page of the site, as tables and as
 * pictures.
 *
 * @throws {Error} if a scenario was not measured, or if the results do not belong together.
 */
export async function publish(
  folder: string,
  root = fileURLToPath(new URL('../../../..', import.meta.url)),
): Promise<void> {
  const results = chosenResults(storedResults(folder), [...PICTURED, ...scenariosWithGoals])
  const pictured = PICTURED.map((name) => results.find(({ scenario }) => scenario === name)!)
  for (const [theme, colours] of Object.entries(themes)) {
    const measured = pictured.map((result) => ({
      scenario: { name: result.scenario, about: result.about },
      result,
    }))
    writeFileSync(join(root, PICTURES, `benchmark-${theme}.svg`), await picture(measured, colours))
  }
  await replaceBlock(join(root, 'README.md'), readmeOf(results))
  await replaceBlock(join(root, 'apps/docs/benchmark.md'), pageOf(results))
}

function readmeOf(results: readonly StoredResult[]): string {
  return `Ratios within one run of \`${COMMAND}\`. ${machineOf(results[0]!)}
[All results](apps/docs/benchmark.md), with the goals, the versions, and where the time goes.

${headlines(results)}

${pictureIn(PICTURES)}`
}

function pictureIn(folder: string): string {
  return `<picture>
  <source media="(prefers-color-scheme: dark)" srcset="${folder}/benchmark-dark.svg" />
  <img alt="${ALT}" src="${folder}/benchmark-light.svg" />
</picture>`
}

function pageOf(results: readonly StoredResult[]): string {
  const sections = results.map((result) => {
    const { scenario, about } = result
    return `### ${scenario}\n\n${about}\n\n${resultTable(result)}`
  })
  return `${machineOf(results[0]!)}

\`\`\`sh
${COMMAND}
\`\`\`

${pictureIn('./public/pictures')}

## Goals

✓ is a goal that is met, and ✗ one that is not.

${goalTable(results)}

## Results

${sections.join('\n\n')}

## Versions

${versionsOf(results[0]!)}`
}

async function replaceBlock(file: string, block: string): Promise<void> {
  const text = withBlock(readFileSync(file, 'utf8'), 'benchmark', block)
  const config = await resolveConfig(file)
  writeFileSync(file, await format(text, { ...config, parser: 'markdown' }))
}
