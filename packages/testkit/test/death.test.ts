import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { eventually, spawnProcesses } from '../src/index.js'
import { isAlive } from './is-alive.js'

interface Started {
  readonly type: 'started'
  readonly pids: readonly number[]
}

/** A signal that ends the run alone, or the run and all its descendants at once. */
type Ending = [signal: 'SIGKILL' | 'SIGTERM', scope: 'alone' | 'with all its children']

const endings: Ending[] = [
  ['SIGKILL', 'alone'],
  ['SIGTERM', 'alone'],
]
if (process.platform === 'linux') endings.push(['SIGTERM', 'with all its children'])

it.each(endings)(
  'after a run that ended by %s %s, its processes, even frozen ones, are gone',
  async (signal, scope) => {
    await using group = spawnProcesses(new URL('./programs/spawns-processes.ts', import.meta.url))
    const [run] = group.processes
    const { pids } = (await run?.next<Started>('started')) as Started
    expect(pids).toHaveLength(2)
    expect(pids.every(isAlive)).toBe(true)
    if (scope !== 'alone') for (const pid of childrenOf(run?.pid ?? 0)) process.kill(pid, signal)
    await run?.kill(signal)
    await eventually(() => !pids.some(isAlive))
  },
)

function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}
