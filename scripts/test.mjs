// Everything `npm test` checks, step by step: `node scripts/test.mjs [--only name,name] [--package name] [--chaos]`.
// Goes on after a failure; the last line is `N passed, N failed`, with suites counted by their tests and every other step as one.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values: options } = parseArgs({ options: { only: { type: 'string' }, package: { type: 'string' }, chaos: { type: 'boolean', default: false } } })
const only = options.only?.split(',')
const scratch = mkdtempSync(join(tmpdir(), 'cache-test-'))
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', ...(options.chaos && { CHAOS: '1' }) }
const packages = ['packages', 'apps'].filter((folder) => existsSync(join(root, folder))).flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)).filter((path) => existsSync(join(root, path, 'package.json')))
const published = packages.filter((path) => !JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).private)
const total = { passed: 0, failed: 0, skipped: 0 }

if (!options.chaos) {
  await step('build', 300, ['pnpm', 'exec', 'turbo', 'run', 'build', '--output-logs=errors-only'])
  await step('types', 300, ['pnpm', 'exec', 'turbo', 'run', 'typecheck', '--output-logs=errors-only'])
  await Promise.all([checkSources(), checkPublished()]) // each keeps one core busy
}
for (const path of packages) await suite(path)
if (!options.chaos && packages.includes('apps/catalog')) await step('demo', 180, ['pnpm', '--silent', '--filter', './apps/catalog', 'demo', '--once'])

rmSync(scratch, { recursive: true, force: true })
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
process.exit(total.failed > 0 ? 1 : 0)

async function checkSources() {
  await step('lint', 180, ['pnpm', 'exec', 'eslint', '.'])
  await step('entry changes', 30, ['node', 'scripts/check-entry-changes.mjs'])
  await step('knip', 120, ['pnpm', 'exec', 'knip', '--no-progress'])
  await step('readmes', 300, ['pnpm', 'exec', 'tsx', 'scripts/check-readmes.ts'])
}

async function checkPublished() {
  for (const path of published) await step(`publint ${path}`, 60, ['pnpm', 'exec', 'publint', '--strict', path])
  for (const path of published) await step(`types as published, ${path}`, 120, ['pnpm', 'exec', 'attw', '--pack', path, '--profile', 'node16', '--format', 'ascii', '--no-emoji'])
  await step('tarballs', 300, ['node', 'scripts/check-tarballs.mjs'])
}

async function step(name, seconds, command) {
  if (only && !only.includes(name.split(' ')[0])) return
  const { ok, output, took } = await run(command, seconds)
  total[ok ? 'passed' : 'failed']++
  report(ok, name, took, ok ? '' : output)
}

async function suite(path) {
  const has = existsSync(join(root, path, 'vitest.config.ts'))
  if (!has || (only && !only.includes('suites')) || (options.package && !path.endsWith(`/${options.package}`))) return
  const file = join(scratch, `${path.replace('/', '-')}.json`)
  const { ok, output, took } = await run(['pnpm', '--dir', path, 'exec', 'vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], options.chaos ? 3_600 : 600)
  const found = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  const counts = found ? { passed: found.numPassedTests, failed: found.numFailedTests, skipped: found.numPendingTests + found.numTodoTests } : { passed: 0, failed: 0, skipped: 0 }
  // A run that failed without a failed test (a file that can't be loaded, an unhandled rejection, the time limit) is a failure too.
  if (!ok && counts.failed === 0) counts.failed = 1
  for (const kind of Object.keys(total)) total[kind] += counts[kind]
  report(ok, `suite ${path}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`, took, ok ? '' : output)
}

function report(ok, name, took, output) {
  if (output) console.log(output.slice(-12_000))
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${(took / 1_000).toFixed(1)} s)`)
}

/** Runs a command in a process group of its own, which is ended whole when its time is up. */
function run([name, ...args], seconds) {
  return new Promise((resolve) => {
    const started = performance.now()
    const child = spawn(name, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let output = ''
    const end = () => { try { process.kill(-child.pid, 'SIGKILL') } catch { /* it has ended */ } }
    const timer = setTimeout(() => { output += `\nended after ${seconds} s\n`; end() }, seconds * 1_000)
    child.stdout.on('data', (data) => { output += data })
    child.stderr.on('data', (data) => { output += data })
    child.on('error', (error) => { output += error.message })
    child.on('close', (code) => {
      clearTimeout(timer)
      end()
      resolve({ ok: code === 0, output, took: performance.now() - started })
    })
  })
}
