// Checks packages that are installed in an empty project.
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { publishedPackages } from '../packages.mjs'
import { fileProblems } from '../published-files.mjs'
import { createConsumer } from './consumer.mjs'
import { run } from './run.mjs'

/** Creates the project and installs the packages into it, and both Redis clients. */
export async function installConsumer(project, { copy, manifests, url }) {
  const folders = ['.', ...publishedPackages(copy).map(({ path }) => path)]
  const readmes = folders.map((folder) => join(folder, 'README.md'))
  const consumer = createConsumer(project, {
    manifests,
    versions: JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')).devDependencies,
    registry: url,
    readmes: readmes.map((path) => ({ path, text: readFileSync(join(copy, path), 'utf8') })),
  })
  // Without --prefer-offline: an earlier registry may have had the same port.
  await run(project, 600, ['npm', 'install', '--no-audit', '--no-fund'])
  const testkit = pathToFileURL(join(copy, 'packages/testkit/dist/index.js')).href
  return { result: { ...consumer, project, manifests, testkit } }
}

/** Checks the files of the installed packages: licenses, changelogs, source maps. */
export function checkFiles({ project, manifests }) {
  const problems = manifests.flatMap(({ name, version }) => {
    const folder = join(project, 'node_modules', name)
    const installed = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const found = fileProblems(folder, { released: true })
    if (installed.version !== version) found.push(`${installed.version} is installed.`)
    if (existsSync(join(folder, 'node_modules', name.split('/')[0])))
      found.push('A second copy of a package of ours is installed below it.')
    return found.map((problem) => `${name}: ${problem}`)
  })
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

/** Checks that ESM and CommonJS export the same names, and that both work with both clients. */
export async function checkImports({ project, entries, programs, testkit }) {
  const [esm, commonJs] = await Promise.all(
    ['exports.mjs', 'exports.cjs'].map((file) => run(project, 60, ['node', file])),
  )
  if (esm !== commonJs)
    throw new Error(`ESM and CommonJS export different names:\n${esm}\n${commonJs}`)
  await onServers(testkit, programs, (program, env) => run(project, 60, ['node', program], env))
  return { note: `${entries.length} entry points, as ESM and CommonJS, with both clients` }
}

/** Type-checks the code of the READMEs, and an import of everything. */
export async function checkTypes({ project, typeChecks }) {
  for (const file of typeChecks) await run(project, 300, ['npx', '--no-install', 'tsc', '-p', file])
}

/** Runs the code of the READMEs. */
export async function runBlocks({ project, blocks, testkit }) {
  const running = blocks.filter(({ runs }) => runs)
  const tsx = join(project, 'node_modules/tsx/dist/cli.mjs')
  await onServers(testkit, running, async ({ file, line, name }, env) => {
    await run(project, 60, ['node', tsx, `${name}.ts`], env).catch((error) => {
      throw new Error(`${file}:${line} failed: ${error.message}`)
    })
  })
  return { note: `${blocks.length} blocks, ${running.length} of them run` }
}

/** Calls `task` for each item, with a Redis of its own: as many at a time as there are cores. */
async function onServers(testkit, items, task) {
  const { startRedis } = await import(testkit)
  const queue = [...items]
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const server = await startRedis()
      try {
        await task(item, { ...process.env, REDIS_URL: server.url })
      } finally {
        await server.stop()
      }
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
}
