import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { eventually } from '../src/index.js'
import { isAlive } from './is-alive.js'

const program = fileURLToPath(new URL('./programs/starts-servers.mjs', import.meta.url))

const endings: Record<string, (run: ChildProcess) => unknown> = {
  'that was killed': (run) => run.kill('SIGKILL'),
  'that was terminated': (run) => run.kill('SIGTERM'),
  'that called process.exit()': (run) => run.send('exit'),
  'that crashed': (run) => run.send('throw'),
  // Nothing of the servers keeps the process alive.
  'that forgot to stop its servers': (run) => run.disconnect(),
  ...(process.platform === 'linux' && {
    'that was terminated with all its children': (run) => {
      for (const pid of [...childrenOf(run.pid ?? 0), run.pid ?? 0]) process.kill(pid, 'SIGTERM')
    },
  }),
}

it.each(Object.entries(endings))(
  'after a run %s, its servers (also paused ones) and their files are gone',
  async (_name, end) => {
    const run = fork(program, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    const [{ pids, directories }] = (await once(run, 'message')) as [
      { readonly pids: readonly number[]; readonly directories: readonly string[] },
    ]
    expect([...pids.map(isAlive), ...directories.map((path) => existsSync(path))]).toEqual([
      ...[true, true],
      ...[true, true],
    ])
    const exited = once(run, 'exit')
    end(run)
    await exited
    await eventually(() => !pids.some(isAlive))
    await eventually(() => !directories.some((directory) => existsSync(dirname(directory))))
  },
)

function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}
