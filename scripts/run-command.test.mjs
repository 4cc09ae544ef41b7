import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runCommand } from './run-command.mjs'

const scratch = mkdtempSync(join(tmpdir(), 'run-command-'))
after(() => rmSync(scratch, { recursive: true }))
const limit = { timeout: 30_000 }
const moduleUrl = new URL('run-command.mjs', import.meta.url).href
const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const stub = (file) => [process.execPath, path('stub-step.mjs'), file]

test('a command that exceeds its time limit ends with all its descendants', limit, async () => {
  const file = join(scratch, 'late')
  const outcome = runCommand(stub(file), 5)
  const pids = await started(file)
  const { ok, output } = await outcome
  assert.equal(ok, false)
  assert.match(output, /ended after 5 s/)
  await gone(pids)
})

test(
  'a signal to the program that runs a command ends the command with all its descendants',
  limit,
  async () => {
    const file = join(scratch, 'signalled')
    const program = `
    import { endAll, runCommand } from ${JSON.stringify(moduleUrl)}
    process.once('SIGTERM', () => void endAll().then(() => process.exit(3)))
    await runCommand(${JSON.stringify(stub(file))}, 60)
    await runCommand(['sh', '-c', 'touch ${file}-next'], 60)
  `
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: 'inherit',
    })
    const exited = new Promise((resolve) => {
      child.once('exit', resolve)
    })
    const pids = await started(file)
    child.kill('SIGTERM')
    assert.equal(await exited, 3)
    await gone(pids)
    assert.equal(existsSync(`${file}-next`), false)
  },
)

test('when a task in a scratch folder fails, its other commands end', limit, async () => {
  const file = join(scratch, 'failed')
  const urlOf = (name) => JSON.stringify(new URL(`rehearsal/${name}`, import.meta.url).href)
  const program = `
    import { existsSync } from 'node:fs'
    import { run } from ${urlOf('run.mjs')}
    import { withScratch } from ${urlOf('scratch.mjs')}
    let folder
    await withScratch('cache-scratch-test-', async (path) => {
      folder = path
      const waiting = 'until [ "$(cat "$0" | wc -l)" -eq 2 ]; do sleep 0.1; done; exit 7'
      await Promise.all([
        run(path, 60, ${JSON.stringify(stub(file))}),
        run(path, 60, ['sh', '-c', waiting, ${JSON.stringify(file)}]),
      ])
    }).catch((error) => console.log(error.message.slice(0, 2), existsSync(folder)))
    process.exit(4)
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (data) => (output += data))
  const exited = new Promise((resolve) => {
    child.once('close', resolve)
  })
  const pids = await started(file)
  assert.equal(await exited, 4)
  assert.equal(output, 'sh false\n')
  await gone(pids)
})

test('the outcome shows whether a command succeeded, failed, or could not be started', async () => {
  const [good, bad, missing] = await Promise.all(
    [['echo', 'done'], ['sh', '-c', 'echo no >&2; exit 7'], ['no-such-program']].map((command) =>
      runCommand(command, 60),
    ),
  )
  assert.deepEqual([good.ok, good.output], [true, 'done\n'])
  assert.deepEqual([bad.ok, bad.output], [false, 'no\n'])
  assert.equal(missing.ok, false)
  assert.match(missing.output, /ENOENT/)
})

for (const [args, message] of [
  [['--only', 'suits'], /--only does not know 'suits'; there are build, .*suites/],
  [['--only', 'lint,'], /--only does not know ''/],
  [['--package', 'cor'], /--package does not know 'cor'; there are .*core/],
  [['--chaos', '--only', 'demo'], /Nothing ran/],
  [['--chaos', '--except', 'suites,release'], /Nothing ran/],
  [['--chaos', '--package', 'aside', '--except', 'suites'], /Nothing ran/],
]) {
  test(`node scripts/test.mjs ${args.join(' ')} fails with a reason`, () => {
    const { status, stderr } = spawnSync(process.execPath, [path('test.mjs'), ...args], {
      encoding: 'utf8',
    })
    assert.equal(status, 1)
    assert.match(stderr, message)
  })
}

/** Returns the pids of a stub step's children, once both have written theirs. */
async function started(file) {
  for (;;) {
    const pids = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
    if (pids.length === 2) return pids
    await sleep(20)
  }
}

/** Waits until the processes are gone. A killed process is a zombie for a short time. */
async function gone(pids) {
  const deadline = performance.now() + 2_000
  while (pids.some(isAlive) && performance.now() < deadline) await sleep(20)
  const remaining = pids.filter(isAlive)
  for (const pid of remaining) process.kill(pid, 'SIGKILL')
  assert.deepEqual(remaining, [])
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
