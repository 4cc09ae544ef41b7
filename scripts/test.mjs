// Runs all checks of `npm test`, step by step:
// `node scripts/test.mjs [--only step,step] [--except step,step] [--package name,name] [--chaos]`.
// It continues after a failure, and fails if no step ran. Its last line is `N passed, N failed`. A
// suite counts by its tests, and every other step as one.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import {
  hasSuite,
  packCommand,
  packagesOf,
  publishedPackages,
  tarballName,
  testFiles,
  typedPackages,
} from './packages.mjs'
import { endAll, runCommand } from './run-command.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    except: { type: 'string' },
    package: { type: 'string' },
    chaos: { type: 'boolean', default: false },
  },
})
const STEPS = [
  'build',
  'types',
  'scripts',
  'format',
  'lint',
  'cycles',
  'entry-changes',
  'knip',
  'site',
  'readmes',
  'api',
  'options',
  'metadata',
  'sizes',
  'publint',
  'tarballs',
  'suites',
  'demo',
  'release',
]
/** The number of files with failed tests up to which a busy machine may be the reason. */
const MAX_UNSTABLE = 3
/** How many steps and suites run at once. Compilers keep one core busy each. */
const CONCURRENT_STEPS = 2
/** Suites wait about half of the time: for timers, and for servers that fail on purpose. */
const CONCURRENT_SUITES = options.chaos ? 1 : 3
const only = options.only?.split(',')
const except = options.except?.split(',') ?? []
const chosen = options.package?.split(',')
const env = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
  ...(options.chaos && { CHAOS: '1' }),
}
const packages = packagesOf(root)
const published = publishedPackages(root)
const total = { passed: 0, failed: 0, skipped: 0 }
/** The results of suites in which tests of few files failed. */
const suspicious = []
/** Why something failed, for the end of the output: the middle of a long log is easily lost. */
const reasons = []
refuseUnknown('--only', only, STEPS)
refuseUnknown('--except', except, STEPS)
refuseUnknown(
  '--package',
  chosen,
  packages.map((path) => basename(path)),
)
const scratch = mkdtempSync(join(tmpdir(), 'cache-test-'))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => void abort())

if (!options.chaos) {
  await step('build', 600, turbo('build', '--filter=!@cache/docs'))
  const checks = [checkSite, checkTypes, checkPublished, checkScripts, checkPrograms, checkFormat]
  await inTurn(checks, CONCURRENT_STEPS)
}
await inTurn(
  [...(options.chaos ? [] : [demo]), ...suitesByLength().map((path) => () => suite(path))],
  CONCURRENT_SUITES,
)
for (const result of suspicious) await judge(result)
if (options.chaos || only?.includes('release')) await rehearseRelease()

rmSync(scratch, { recursive: true, force: true })
for (const reason of reasons) console.log(reason)
const nothingRan = total.passed + total.failed === 0
if (nothingRan) console.error('Nothing ran: --only, --except, --package and --chaos leave no step.')
const skippedText = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`${total.passed} passed, ${total.failed} failed${skippedText}`)
process.exit(nothingRan || total.failed > 0 ? 1 : 0)

function turbo(...task) {
  return ['pnpm', 'exec', 'turbo', 'run', ...task, '--output-logs=errors-only']
}

/** Runs the functions in their order, and so many of them at once. */
async function inTurn(functions, atOnce) {
  const waiting = [...functions]
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (waiting.length > 0) await waiting.shift()()
    }),
  )
}

async function checkSite() {
  await step('site', 1_200, turbo('build', '--filter=@cache/docs'))
}

/** Lint and knip also read the files that the types need and that are generated with them. */
async function checkTypes() {
  const filters = typedPackages(root).others.map((path) => `--filter=./${path}`)
  await step('types with generated files', 600, turbo('typecheck', ...filters, '--concurrency=1'))
  await step('types', 1_200, ['node', 'scripts/check-types.mjs'])
  await step('lint', 600, ['pnpm', 'exec', 'eslint', '.'])
  await step('knip', 240, ['pnpm', 'exec', 'knip', '--no-progress'])
}

async function checkScripts() {
  await step('scripts', 180, [
    'node',
    '--test',
    ...readdirSync(join(root, 'scripts'))
      .filter((name) => name.endsWith('.test.mjs'))
      .map((name) => `scripts/${name}`),
  ])
}

async function checkPrograms() {
  await step('readmes', 600, ['pnpm', 'exec', 'tsx', 'scripts/check-readmes.ts'])
}

async function checkFormat() {
  await step('format', 240, ['pnpm', 'exec', 'prettier', '--check', '--log-level=warn', '.'])
  await step('cycles', 120, [
    'pnpm',
    'exec',
    'depcruise',
    'packages',
    'apps',
    '--output-type',
    'err',
  ])
  await step('entry-changes', 30, ['node', 'scripts/check-entry-changes.mjs'])
  await step('api', 240, ['node', 'scripts/api-reports.mjs'])
  await step('options', 120, ['node', 'scripts/option-tables.mjs'])
  await step('metadata', 30, ['node', 'scripts/metadata.mjs'])
  await step('sizes', 120, ['node', 'scripts/sizes.mjs'])
}

/** Checks the tarballs, which are packed once. */
async function checkPublished() {
  if (!['publint', 'types', 'tarballs'].some(isSelected)) return
  const folder = join(scratch, 'tarballs')
  const { ok, output, took } = await runCommand(packCommand(published, folder), 300, {
    cwd: root,
    env,
  })
  if (!ok) {
    total.failed++
    return report(false, 'packing the tarballs', took, output)
  }
  for (const { path, manifest } of published) {
    const tarball = join(folder, tarballName(manifest))
    await step(`publint ${path}`, 60, ['pnpm', 'exec', 'publint', '--strict', tarball])
    await step(`types as published, ${path}`, 120, [
      'pnpm',
      'exec',
      'attw',
      tarball,
      '--format',
      'ascii',
      '--no-emoji',
    ])
  }
  await step('tarballs', 900, ['node', 'scripts/check-tarballs.mjs', folder])
}

async function demo() {
  if (!packages.includes('apps/catalog')) return
  await step('demo', 300, ['pnpm', '--silent', '--filter', './apps/catalog', 'demo', '--once'])
}

/**
 * Rehearses a release, which installs packages from the registry that npm is configured with. It is
 * no part of the suites that `--package` selects.
 */
async function rehearseRelease() {
  if (!isSelected('release') || (chosen && !only?.includes('release'))) return
  const { ok } = await runCommand(['npm', 'view', 'ioredis', 'version'], 60, { cwd: scratch, env })
  if (ok) return await step('release', 2_400, ['node', 'scripts/rehearsal/rehearse.mjs'])
  console.log('skipped release: the registry of npm cannot be reached.')
  total.skipped++
}

async function step(name, seconds, command) {
  const [first] = name.split(' ')
  if (!STEPS.includes(first)) throw new Error(`${first} is missing in STEPS.`)
  if (!isSelected(first)) return
  const { ok, output, took } = await runCommand(command, seconds, { cwd: root, env })
  total[ok ? 'passed' : 'failed']++
  report(ok, name, took, ok ? '' : output)
}

function isSelected(name) {
  return (!only || only.includes(name)) && !except.includes(name)
}

/**
 * Returns the packages with a suite: first the apps, whose few files take long, and then those with
 * the most test files. Short suites are left for the end, so that no core waits for a long one.
 */
function suitesByLength() {
  const weigh = (path) => (path.startsWith('apps/') ? Infinity : testFiles(root, path))
  return packages
    .filter((path) => hasSuite(root, path))
    .map((path) => ({ path, weight: weigh(path) }))
    .sort((a, b) => (a.weight === b.weight ? 0 : b.weight - a.weight))
    .map(({ path }) => path)
}

async function suite(path) {
  if (!isSelected('suites') || (chosen && !chosen.includes(basename(path)))) return
  const result = { path, ...(await vitest(path)) }
  const files = filesOf(result).length
  if (!result.ok && files > 0 && files <= MAX_UNSTABLE) suspicious.push(result)
  else reportSuite(result)
}

/**
 * Reports a suite in which tests of few files failed. If these files pass twice in a row when
 * nothing else runs, the tests are unstable, so that their timeouts or the tested code can be
 * improved. A busy machine does not fail a change.
 */
async function judge(result) {
  const isUnstable = await passAlone(result)
  reportSuite(result, isUnstable)
  if (!isUnstable) return
  for (const { name } of suspectsOf(result)) console.log(`UNSTABLE ${result.path}: ${name}`)
  reasons.push(reasonOf(`UNSTABLE suite ${result.path}`, result.output))
}

async function passAlone(result) {
  const files = filesOf(result)
  for (let i = 0; i < 2; i++) {
    const rerun = await vitest(result.path, files)
    if (rerun.ok) continue
    console.log(rerun.output.slice(-4_000))
    return false
  }
  return true
}

function filesOf(result) {
  return [...new Set(suspectsOf(result).map(({ file }) => file))]
}

function suspectsOf({ failed, unhandled }) {
  return [...failed, ...unhandled]
}

function reportSuite({ path, ok, output, took, passed, failed, skipped }, isUnstable = false) {
  const counts = { passed, failed: failed.length, skipped }
  if (isUnstable) Object.assign(counts, { passed: passed + failed.length, failed: 0 })
  // A file that can't be loaded, an unhandled rejection or the time limit fails without failed
  // tests.
  else if (!ok) counts.failed = Math.max(1, failed.length)
  for (const kind of Object.keys(total)) total[kind] += counts[kind]
  report(
    counts.failed === 0,
    `suite ${path}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`,
    took,
    ok ? '' : output,
  )
  for (const [line] of output.matchAll(/^SKIPPED .*$/gm)) console.log(`  ${line}`)
}

/** Runs the suite, or only the given files. */
async function vitest(path, files = []) {
  const file = join(scratch, `${path.replace('/', '-')}.json`)
  rmSync(file, { force: true })
  const { ok, output, took } = await runCommand(
    [
      'pnpm',
      '--dir',
      path,
      'exec',
      'vitest',
      'run',
      ...files,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ],
    options.chaos ? 7_200 : 2_400,
    { cwd: root, env },
  )
  const results = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { numPassedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] }
  const failed = results.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map((test) => ({ file: name, name: test.fullName })),
  )
  const origins = new Set(
    [...stripVTControlCharacters(output).matchAll(/error originated in "([^"]+)"/g)].map(
      ([, origin]) => origin,
    ),
  )
  return {
    ok,
    output,
    took,
    unhandled: [...origins].map((origin) => ({
      file: origin,
      name: `an unhandled error in ${origin}`,
    })),
    passed: results.numPassedTests,
    skipped: results.numPendingTests + results.numTodoTests,
    failed,
  }
}

function report(ok, name, took, output) {
  if (output) console.log(output.slice(-12_000))
  const seconds = (took / 1_000).toFixed(1)
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (!ok) reasons.push(reasonOf(`FAILED ${name}`, output))
  if (process.env.GITHUB_STEP_SUMMARY)
    appendFileSync(process.env.GITHUB_STEP_SUMMARY, `${ok ? '✅' : '❌'} ${name}: ${seconds} s\n\n`)
}

/** Returns the beginning of what vitest says of failed tests, or the end of other output. */
function reasonOf(title, output) {
  const text = stripVTControlCharacters(output)
  const start = text.search(/^⎯+ (Failed|Unhandled) /m)
  const reason = start === -1 ? text.slice(-2_500) : text.slice(start, start + 2_500)
  return `\n${title}\n${reason.trim()}\n`
}

function refuseUnknown(option, names = [], known) {
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0)
    fail(
      `${option} does not know ${unknown.map((name) => `'${name}'`).join(', ')}; ` +
        `there are ${known.join(', ')}.`,
    )
}

function fail(message) {
  console.error(message)
  process.exit(1)
}

async function abort() {
  await endAll()
  rmSync(scratch, { recursive: true, force: true })
  process.exit(1)
}
