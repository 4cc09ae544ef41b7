import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findBinary } from '../src/find/binary.js'
import { eventually } from '../src/eventually.js'
import { freePort } from '../src/free-port.js'
import { containerMachine, type ContainerAccess } from '../src/machine/container-machine.js'
import { launchServer } from '../src/server.js'

// This machine stands in for a container, so that the commands are tested without Docker.
describe.runIf(process.platform === 'linux')('servers inside a container', async () => {
  const binary = findBinary(process.env)
  let bin: string
  let container: ContainerAccess
  beforeAll(async () => {
    bin = await mkdtemp(join(tmpdir(), 'container-'))
    await symlink(binary ?? '', join(bin, 'redis-server'))
    container = {
      freePort,
      writeFile: (path, text) => writeFile(path, text),
      exec: (command) => execute(command, `${bin}${delimiter}${process.env.PATH}`),
    }
  })
  afterAll(() => rm(bin, { recursive: true }))

  it.runIf(binary)(
    'start, keep their files when killed, pause, resume, restart and stop',
    async () => {
      await using redis = await launchServer(containerMachine(container), { aof: 'always' })
      await redis.cli('SET', 'key', 'value')
      await redis.kill()
      expect(redis.running).toBe(false)
      await expect(redis.cli('PING')).rejects.toThrow(/ECONNREFUSED/)
      await redis.restart()
      expect(await redis.cli('GET', 'key')).toBe('value')
      await redis.pause()
      await eventually(async () =>
        (await container.exec(['grep', 'State', `/proc/${redis.pid}/status`])).output.includes(
          'T (stopped)',
        ),
      )
      await redis.resume()
      await redis.restart()
      expect(await redis.cli('GET', 'key')).toBe('value')
    },
  )

  it.runIf(binary)('are gone only once all of their threads have ended', async () => {
    let endingThreads = 0
    const slow: ContainerAccess = {
      ...container,
      async exec(command) {
        const result = await container.exec(command)
        if (command.includes('KILL')) endingThreads = 3
        if (endingThreads === 0 || !result.output.startsWith('State:')) return result
        return {
          exitCode: 0,
          output: `State:\tZ (zombie)\nThreads:\t${1 + endingThreads--}\n`,
        }
      },
    }
    await using redis = await launchServer(containerMachine(slow))
    await redis.kill()
    expect(endingThreads).toBe(0)
  })

  it.runIf(binary)('report why they did not start', async () => {
    await expect(
      launchServer(containerMachine(container), { config: { 'no-such-line': 'yes' } }),
    ).rejects.toThrow(/no-such-line/)
  })
})

function execute(
  [program = '', ...args]: readonly string[],
  path: string,
): Promise<{ exitCode: number; output: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { env: { ...process.env, PATH: path } }, (error, stdout, stderr) => {
      resolve({
        exitCode: typeof error?.code === 'number' ? error.code : error ? 1 : 0,
        output: stdout + stderr,
      })
    })
  })
}
