// Rehearses a release on a copy of this folder, with a registry on this machine. Changes no file
// that git knows, and reaches no other registry with a package.
import { join, resolve } from 'node:path'
import { checkFiles, checkImports, checkTypes, installConsumer, runBlocks } from './checks.mjs'
import { copyTree } from './copy-tree.mjs'
import { publishMissing, publishPackages, setVersions } from './publish.mjs'
import { startRegistry } from './registry.mjs'
import { run } from './run.mjs'
import { withScratch } from './scratch.mjs'
import { summary } from './summary.mjs'

const root = resolve(import.meta.dirname, '../..')
const started = performance.now()

try {
  await withScratch('cache-release-', rehearse)
  console.log(`The rehearsal succeeded (${seconds(started)}).`)
} catch (error) {
  console.error(`FAILED ${error.message}`)
  process.exitCode = 1
}
process.exit() // The registry ends with this process.

async function rehearse(scratch) {
  const copy = join(scratch, 'copy')
  const project = join(scratch, 'project')
  const { url } = await startRegistry(join(scratch, 'registry'))
  await step('copy', () => copyTree(root, copy))
  await step('install', async () => {
    await run(copy, 600, ['pnpm', 'install', '--frozen-lockfile', '--prefer-offline'])
  })
  const manifests = await step('versions', () => setVersions(copy, url))
  await step('build and publish', () => publishPackages(copy, url))
  await step('publish what is missing', () => publishMissing(copy, url, manifests.at(-1)))
  await step('find a Redis', async () => {
    await run(copy, 600, ['node', 'packages/testkit/dist/find-redis.js'])
  })
  const consumer = await step('install in an empty project', () =>
    installConsumer(project, { copy, manifests, url }),
  )
  await step('files', () => checkFiles(consumer))
  await step('imports', () => checkImports(consumer))
  await step('types', () => checkTypes(consumer))
  await step('code of the READMEs', () => runBlocks(consumer))
  console.log(await summary(consumer, url))
}

/** Runs a step and reports it. A task may return what the next steps need, and a note. */
async function step(name, task) {
  const from = performance.now()
  const { result, note } = (await task()) ?? {}
  console.log(`ok     ${name}${note ? `: ${note}` : ''} (${seconds(from)})`)
  return result
}

function seconds(from) {
  return `${((performance.now() - from) / 1_000).toFixed(1)} s`
}
