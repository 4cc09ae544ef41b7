// Prepares a fresh machine that has only Node and npm, then runs a command:
// `node scripts/bootstrap.mjs -- <command> …`. It finds or downloads the right pnpm, installs the
// packages, builds them, and finds a Redis. `--without-redis` says that the command finds a Redis
// itself, and `--without-build` that it builds what it needs, too. A Redis is only installed as
// root, or with `--install` anywhere on the command line: `npm test -- --install`.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** The `packageManager` of package.json: `pnpm@<version>+sha512.<hash of its tarball>`. */
const [, pnpmVersion, pnpmHash] = /^pnpm@([\d.]+)\+sha512\.([0-9a-f]{128})$/.exec(
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).packageManager,
)
const tools = join(root, '.tools')
const [major] = process.versions.node.split('.').map(Number)
if (major < 20) fail(`Node ${process.versions.node} is too old: Node 20 or newer is needed.`)

const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' }
env.PATH = [join(tools, 'node_modules', '.bin'), env.PATH].join(delimiter)

if (process.argv.includes('--install')) env.CACHE_TESTKIT_INSTALL = '1'

if (!hasRightPnpm()) {
  log(`downloading pnpm ${pnpmVersion}`)
  installPnpm()
}
log('installing packages')
run('pnpm', [
  'install',
  '--frozen-lockfile',
  '--prefer-offline',
  '--reporter',
  existsSync(join(root, 'node_modules')) ? 'silent' : 'append-only',
])
const separator = process.argv.indexOf('--')
const flags = process.argv.slice(2, separator === -1 ? undefined : separator)
const builds = !flags.includes('--without-build')
if (builds) {
  log('building')
  const build = ['exec', 'turbo', 'run', 'build', '--filter=!@cache/docs']
  run('pnpm', [...build, '--output-logs=errors-only', '--log-order=grouped'])
}
if (builds && !flags.includes('--without-redis')) {
  log('looking for a Redis')
  run('node', [join('packages', 'testkit', 'dist', 'find-redis.js')])
}

const [command, ...args] = process.argv
  .slice(separator + 1)
  .filter((argument) => argument !== '--install')
if (separator !== -1 && command) {
  const { status } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' })
  process.exit(status ?? 1)
}

function hasRightPnpm() {
  const { status, stdout } = spawnSync('pnpm', ['--version'], { env, cwd: root, encoding: 'utf8' })
  return status === 0 && stdout.trim() === pnpmVersion
}

/** Installs pnpm, after checking that its tarball has the hash in package.json. */
function installPnpm() {
  const folder = mkdtempSync(join(tmpdir(), 'cache-pnpm-'))
  try {
    run('npm', ['pack', '--silent', '--pack-destination', folder, `pnpm@${pnpmVersion}`])
    const tarball = join(folder, readdirSync(folder)[0])
    const hash = createHash('sha512').update(readFileSync(tarball)).digest('hex')
    if (hash !== pnpmHash)
      fail(`pnpm ${pnpmVersion} has the hash ${hash}, but package.json names ${pnpmHash}.`)
    run('npm', [
      'install',
      '--prefix',
      tools,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--loglevel',
      'error',
      tarball,
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(name, args) {
  const { status } = spawnSync(name, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) fail(`\`${name} ${args.join(' ')}\` failed.`)
}

function log(message) {
  console.error(`· ${message}`)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
