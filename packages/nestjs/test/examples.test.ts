import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

/** Runs an example as a user would, on the built package, and returns what it prints. */
async function run(name: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL(`./examples/${name}.ts`, import.meta.url))],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, REDIS_URL: server.url },
      timeout: 25_000,
    },
  )
  return stdout.trim().split('\n')
}

it('runs the example of a shop, which ends by itself', async () => {
  expect(await run('shop')).toEqual([
    'loads 42',
    "[ { id: 42, name: 'chair' }, { id: 42, name: 'chair' } ]",
    "{ id: 42, name: 'chair' }",
    'loads 42',
    "{ id: 42, name: 'armchair' }",
  ])
})

it('runs the example of an API, which ends by itself', async () => {
  expect(await run('api')).toEqual(['201 false', '201 false', '429 true', '200'])
})
