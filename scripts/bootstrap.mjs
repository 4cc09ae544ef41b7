// Makes a fresh machine with Node and npm ready, then runs a command: `node scripts/bootstrap.mjs -- <command> …`.
// It finds or fetches the right pnpm, installs, builds, and finds or installs a Redis. Needs nothing but Node itself.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PNPM = '10.34.9'
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const tools = join(root, '.tools')
const [major] = process.versions.node.split('.').map(Number)
if (major < 20) fail(`Node ${process.versions.node} is too old: Node 20 or newer is needed.`)

const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
env.PATH = [join(tools, 'node_modules', '.bin'), env.PATH].join(delimiter)

if (!isRightPnpm()) {
  say(`getting pnpm ${PNPM}`)
  run('npm', ['install', '--prefix', tools, '--no-save', '--no-audit', '--no-fund', '--loglevel', 'error', `pnpm@${PNPM}`])
}
say('installing packages')
run('pnpm', ['install', '--frozen-lockfile', '--prefer-offline', '--reporter', existsSync(join(root, 'node_modules')) ? 'silent' : 'append-only'])
say('building')
run('pnpm', ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--log-order=grouped'])
say('looking for a Redis')
run('node', [join('packages', 'testkit', 'dist', 'find-redis.js')])

const [command, ...args] = process.argv.slice(process.argv.indexOf('--') + 1)
if (process.argv.includes('--') && command) {
  const done = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' })
  process.exit(done.status ?? 1)
}

function isRightPnpm() {
  const found = spawnSync('pnpm', ['--version'], { env, cwd: root, encoding: 'utf8' })
  return found.status === 0 && found.stdout.trim().startsWith('10.34.')
}

function run(name, args) {
  const done = spawnSync(name, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (done.status !== 0) fail(`\`${name} ${args.join(' ')}\` failed.`)
}

function say(what) {
  console.error(`· ${what}`)
}

function fail(why) {
  console.error(why)
  process.exit(1)
}
