import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, it } from 'vitest'
import { eventually, spawnProcesses } from '../src/index.js'
import { isAlive } from './is-alive.js'

interface Holding {
  readonly type: 'holding'
  readonly pids: readonly number[]
  readonly directories: readonly string[]
}

it.each(['SIGKILL', 'SIGTERM'] as const)('servers and processes, also paused and frozen ones, are gone after a run that ended by %s, and so are their files', async (signal) => {
  await using group = spawnProcesses(new URL('./programs/holds-servers.ts', import.meta.url))
  const [run] = group.processes
  const { pids, directories } = (await run?.next<Holding>('holding')) as Holding
  expect(pids).toHaveLength(4)
  expect(pids.every(isAlive)).toBe(true)
  expect(directories.every((directory) => existsSync(directory))).toBe(true)
  await run?.kill(signal)
  await eventually(() => !pids.some(isAlive))
  await eventually(() => !directories.some((directory) => existsSync(dirname(directory))))
})
