import { spawn, type ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import { ACCEPTING, StartError, type ServerProcess, type Signal } from './machine.js'

/**
 * Starts a server that can't outlive this process. A small shell is the server's parent and reads
 * from a pipe whose other end only this process holds. When this process ends in any way, the pipe
 * closes and the shell kills the server with SIGKILL, which also works on a stopped process.
 */
export async function launchGuarded(command: readonly string[]): Promise<ServerProcess> {
  // `detached` starts a new session: Ctrl-C in a terminal reaches only the tests, which still need
  // their servers to clean up.
  const shell = spawn('/bin/sh', ['-c', GUARD, 'guard', ...command], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const exited = new Promise<void>((resolve) => shell.once('exit', () => resolve()))
  const pid = await waitUntilAccepting(shell)
  unref(shell)
  const running = () => shell.exitCode === null && shell.signalCode === null
  return {
    pid,
    get running() {
      return running()
    },
    async signal(signal) {
      if (running()) killIfPresent(pid, signal)
    },
    async exited() {
      if (running()) shell.ref()
      await exited
    },
  }
}

/**
 * A background job of a shell reads /dev/null by default, so descriptor 3 carries the pipe to the
 * guard. The server does not inherit it. When the server has ended, the shell ends the guard. The
 * shell ignores signals that end all processes of a run, because it has to kill the server first.
 */
const GUARD = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
echo "guarded: $server"
trap '' TERM HUP INT
{ read -r _; kill -KILL "$server"; } <&3 3<&- >/dev/null 2>&1 &
guard=$!
exec 3<&- </dev/null
wait "$server"
kill -KILL "$guard" 2>/dev/null
`

/** Resolves with the server's pid once its log says that it accepts connections. */
function waitUntilAccepting(shell: ChildProcess): Promise<number> {
  let output = ''
  return new Promise((resolve, reject) => {
    const onOutput = (chunk: Buffer) => {
      output += chunk.toString()
      const pid = /^guarded: (\d+)$/m.exec(output)?.[1]
      if (pid === undefined || !ACCEPTING.test(output)) return
      for (const stream of [shell.stdout, shell.stderr]) stream?.off('data', onOutput).resume()
      resolve(Number(pid))
    }
    for (const stream of [shell.stdout, shell.stderr]) stream?.on('data', onOutput)
    shell.once('close', () => reject(new StartError(output)))
    shell.once('error', reject)
  })
}

/** The server can be gone before its shell is. */
function killIfPresent(pid: number, signal: Signal): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Lets the run end even if a test forgot to stop a server. */
function unref(shell: ChildProcess): void {
  shell.unref()
  for (const stream of shell.stdio) if (stream instanceof Socket) stream.unref()
}
