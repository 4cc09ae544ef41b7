import { eventually } from '../eventually.js'
import {
  ACCEPTING,
  CONFIG_FILE,
  StartError,
  withEnvironment,
  type Environment,
  type Machine,
  type ServerProcess,
} from './machine.js'

/** A Linux that runs commands for us and has `redis-server` on its PATH: a container. */
export interface Box {
  exec(command: readonly string[]): Promise<{ readonly exitCode: number; readonly output: string }>
  writeFile(path: string, text: string): Promise<void>
  freePort(): Promise<number>
}

/**
 * Starts servers inside a box, and sends them signals there. All share one box, so that the nodes
 * of a Cluster reach each other on 127.0.0.1.
 */
export function machineInside(box: Box): Machine {
  return {
    bind: '0.0.0.0',
    freePort: () => box.freePort(),
    makeDirectory: async () => (await shell(box, 'mktemp -d')).trim(),
    removeDirectory: async (directory) => void (await shell(box, 'rm -rf "$1"', directory)),
    writeFile: (path, text) => box.writeFile(path, text),
    launch: (directory, flags, environment) => launch(box, directory, flags, environment),
  }
}

async function launch(
  box: Box,
  directory: string,
  flags: readonly string[],
  environment?: Environment,
): Promise<ServerProcess> {
  const command = [
    ...withEnvironment(environment),
    'redis-server',
    `${directory}/${CONFIG_FILE}`,
    ...flags,
  ]
  const pid = Number(await shell(box, LAUNCH, directory, ...command))
  const readLog = () => shell(box, 'cat "$1/log"', directory)
  let running = true
  await eventually(async () => {
    running = await alive(box, pid)
    const log = await readLog()
    return !running || ACCEPTING.test(log)
  })
  if (!running) throw new StartError(await readLog())
  return {
    pid,
    get running() {
      return running
    },
    async signal(signal) {
      if (running)
        await shell(box, 'kill "-$1" "$2" 2>/dev/null || true', signal.slice(3), String(pid))
    },
    async exited() {
      await eventually(async () => !(await alive(box, pid)), { within: 30_000 })
      running = false
    },
  }
}

/**
 * Without the redirections, whoever executes the command would wait for the server's output to end.
 */
const LAUNCH = `
directory=$1
shift
"$@" >"$directory/log" 2>&1 </dev/null &
echo $!
`

/** A zombie is gone, though its pid is not until the container's first process has taken note. */
async function alive(box: Box, pid: number): Promise<boolean> {
  return (
    (await shell(box, 'grep -s "^State:" "/proc/$1/status" || true', String(pid))).match(
      /State:\s+[^ZX\s]/,
    ) !== null
  )
}

async function shell(box: Box, script: string, ...args: string[]): Promise<string> {
  const { exitCode, output } = await box.exec(['sh', '-c', script, 'sh', ...args])
  if (exitCode !== 0)
    throw new Error(
      `A command in the container ended with status ${exitCode}: ${script.trim()}\n${output}`,
    )
  return output
}
