import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const projects = fileURLToPath(new URL('./runners', import.meta.url))
const { resolve } = createRequire(import.meta.url)

it('works in jest', async () => {
  const bin = join(dirname(resolve('jest/package.json')), 'bin/jest.js')
  const { output, code } = await runNode('jest', [bin, '--ci', '--maxWorkers=2'])
  expect(output).toMatch(/Tests: +6 passed, 6 total/)
  expect(output).toMatch(/Test Suites: 2 passed, 2 total/)
  // Jest complains if something keeps a worker alive.
  expect(output).not.toMatch(/did not exit|force exited|open handle/i)
  expect(code).toBe(0)
})

it('works in node:test', async () => {
  const { output, code } = await runNode('node-test', ['--test', '--test-reporter=tap'])
  expect(output).toMatch(/^# pass 2$/m)
  expect(output).toMatch(/^# fail 0$/m)
  expect(code).toBe(0)
})

it('works in vitest with one server for all files, started by globalSetup', async () => {
  const bin = join(dirname(resolve('vitest/package.json')), 'vitest.mjs')
  const { output, code } = await runNode('vitest', [bin, 'run', '--reporter=verbose'])
  expect(output).toMatch(/Tests +2 passed \(2\)/)
  expect(code).toBe(0)
})

interface Result {
  readonly output: string
  readonly code: number
}

/**
 * Runs Node in the directory of a project, as its user would, without the outer run's
 * variables.
 */
function runNode(project: string, args: readonly string[]): Promise<Result> {
  const { PATH, HOME, REDIS_SERVER } = process.env
  const env = { PATH, HOME, REDIS_SERVER, NO_COLOR: '1' }
  const options = { cwd: join(projects, project), env, timeout: 60_000 }
  return new Promise((done) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) =>
      done({ output: stdout + stderr, code: error === null ? 0 : Number(error.code ?? 1) }),
    )
  })
}
