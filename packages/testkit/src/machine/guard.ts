import { spawn, type ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import { ACCEPTING, StartError, type ServerProcess, type Signal } from './machine.js'

/**
 * Starts a server that can't outlive this process. A shell of a few hundred kilobytes stands in
 * between and holds the end of a pipe that only this process has open: when the pipe closes,
 * because this process ended in whatever way, the shell kills the server with SIGKILL, which also
 * works on one that is stopped.
 */
export async function launchGuarded(command: readonly string[]): Promise<ServerProcess> {
  // A session of its own: Ctrl-C in a terminal reaches the tests, which still need their servers to
  // clean up.
  const shell = spawn('/bin/sh', ['-c', GUARD, 'guard', ...command], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const exited = new Promise<void>((resolve) => shell.once('exit', () => resolve()))
  const pid = await accepting(shell)
  letGo(shell)
  const running = () => shell.exitCode === null && shell.signalCode === null
  return {
    pid,
    get running() {
      return running()
    },
    async signal(signal) {
      if (running()) killIfThere(pid, signal)
    },
    async exited() {
      if (running()) shell.ref()
      await exited
    },
  }
}

/**
 * A background job of a shell reads /dev/null unless it is told otherwise, so descriptor 3 carries
 * the pipe to it; the server itself gets none of it. The shell's last act is to dismiss its guard.
 * A signal that ends all processes of a run must not end the shells: they have to kill the server
 * first.
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

/** The server's pid, once it says that it accepts connections. */
function accepting(shell: ChildProcess): Promise<number> {
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
function killIfThere(pid: number, signal: Signal): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A server that a test forgot does not keep the run from ending. */
function letGo(shell: ChildProcess): void {
  shell.unref()
  for (const stream of shell.stdio) if (stream instanceof Socket) stream.unref()
}
