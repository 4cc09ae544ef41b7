// `npm run release` publishes the packages whose version is not in the registry yet. CI calls it.
// `npm run release -- --dry-run` rehearses that with a registry on this machine.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const USAGE = `Usage: npm run release -- [--dry-run [--install]]

  (no option)  Builds the packages and publishes what the registry does not have. CI calls this.
  --dry-run    Does the same on a copy of this folder with a registry on this machine, installs
               the packages from there, and runs the code of their READMEs. Changes no file that git
               knows.
  --install    With --dry-run: installs a Redis with the system's package manager if there is none.`

const root = resolve(import.meta.dirname, '..')
const options = readArguments()
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
env.PATH = ['.tools/node_modules/.bin', 'node_modules/.bin']
  .map((folder) => join(root, folder))
  .concat(env.PATH)
  .join(delimiter)

if (options['dry-run']) {
  const bootstrap = [
    'scripts/bootstrap.mjs',
    '--without-build',
    ...(options.install ? ['--install'] : []),
  ]
  run('node', [...bootstrap, '--', 'node', 'scripts/rehearsal/rehearse.mjs'])
} else {
  const pending = readdirSync(join(root, '.changeset')).filter((name) => name.endsWith('.md'))
  if (pending.length > 0)
    fail(
      `Changesets without a version: ${pending.length}. Run "pnpm changeset version" and commit ` +
        'what it changes; in CI, merge the pull request that does so. Nothing was published.',
    )
  // A package contains its whole `dist`, so nothing of an earlier build may be left.
  for (const name of readdirSync(join(root, 'packages')))
    rmSync(join(root, 'packages', name, 'dist'), { recursive: true, force: true })
  run('turbo', ['run', 'build', '--force', '--filter=./packages/*', '--output-logs=errors-only'])
  run('changeset', ['publish'])
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        'dry-run': { type: 'boolean', default: false },
        install: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    if (values.install && !values['dry-run']) fail(`--install needs --dry-run.\n\n${USAGE}`)
    return values
  } catch (error) {
    return fail(`${error.message}\n\n${USAGE}`)
  }
}

function run(name, args) {
  const { status, error } = spawnSync(name, args, { cwd: root, env, stdio: 'inherit' })
  if (error) fail(`${name}: ${error.message}. "node scripts/bootstrap.mjs" installs it.`)
  if (status !== 0) process.exit(status ?? 1)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
