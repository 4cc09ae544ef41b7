import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect, it } from 'vitest'
import { eventually, spawnProcesses } from '../src/index.js'
import { isAlive } from './is-alive.js'

interface Started {
  readonly type: 'started'
  readonly pids: readonly number[]
  readonly directories: readonly string[]
}

/** A signal that ends the run alone, or the run and all its descendants at once. */
type Ending = [signal: 'SIGKILL' | 'SIGTERM', scope: 'alone' | 'with all its children']

const endings: Ending[] = [
  ['SIGKILL', 'alone'],
  ['SIGTERM', 'alone'],
]
if (process.platform === 'linux') endings.push(['SIGTERM', 'with all its children'])

it.each(endings)(
  'after a run that ended by %s %s, its servers and processes (even frozen) and files are gone',
  async (signal, scope) => {
    await using group = spawnProcesses(new URL('./programs/starts-servers.ts', import.meta.url))
    const [run] = group.processes
    const { pids, directories } = (await run?.next<Started>('started')) as Started
    expect(pids).toHaveLength(4)
    expect(pids.every(isAlive)).toBe(true)
    expect(directories.every((directory) => existsSync(directory))).toBe(true)
    if (scope !== 'alone') for (const pid of childrenOf(run?.pid ?? 0)) process.kill(pid, signal)
    await run?.kill(signal)
    await eventually(() => !pids.some(isAlive))
    await eventually(() => !directories.some((directory) => existsSync(dirname(directory))))
  },
)

function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}
