import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

// The sockets of Docker are found without the PATH.
const hasDocker = existsSync('/var/run/docker.sock') || process.env.DOCKER_HOST !== undefined

describe('the demo, where no Redis can be found or installed', () => {
  it.skipIf(hasDocker)('runs in memory, and says so', { timeout: 120_000 }, async () => {
    const env = { ...process.env, PATH: '/nonexistent' }
    for (const name of ['REDIS_URL', 'REDIS_SERVER', 'DATABASE_URL'])
      delete (env as NodeJS.ProcessEnv)[name]
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('../src/demo/main.ts', import.meta.url)), '--once'],
      { env },
    )
    expect(stdout).toContain('No Redis found')
    expect(stdout).toContain('the demo runs in the memory of one process')
    expect(stdout).toContain('- skipped without a Redis: an outage')
    expect(stdout).toContain('✓ 400 requests for a cold product caused one load')
    expect(stdout).toContain('All checks passed.')
  })
})
