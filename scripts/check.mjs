// `npm run check`: what to run before a commit. Builds, checks types, format, lint and imports, and
// runs the suites of the packages that differ from main (`--base <ref>` for another).
import { execFileSync, spawnSync } from 'node:child_process'
import { basename, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { hasSuite } from './packages.mjs'

const root = resolve(import.meta.dirname, '..')
const { values } = parseArgs({ options: { base: { type: 'string', default: 'main' } } })

const packages = changedPackages(values.base)
run(['--only', 'build,types,scripts,format,lint,cycles,entry-changes,api,options,metadata,sizes'])
for (const name of packages) run(['--only', 'suites', '--package', name])
console.log(
  packages.length > 0 ? `Checked ${packages.join(', ')}.` : 'No package differs: no suite has run.',
)

/** The names of the folders below `packages` and `apps` that have changed, committed or not. */
function changedPackages(base) {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' })
  const fork = git('merge-base', base, 'HEAD').trim()
  const untracked = git('ls-files', '--others', '--exclude-standard')
  const files = git('diff', '--name-only', fork) + untracked
  const folders = files.split('\n').flatMap((file) => /^(?:packages|apps)\/[^/]+/.exec(file) ?? [])
  const tested = [...new Set(folders)].filter((folder) => hasSuite(root, folder))
  return tested.map((folder) => basename(folder))
}

function run(args) {
  const { status } = spawnSync('node', ['scripts/test.mjs', ...args], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}
