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

/** Access to a Linux container that has `redis-server` on its PATH. */
export interface ContainerAccess {
  exec(command: readonly string[]): Promise<{ readonly exitCode: number; readonly output: string }>
  writeFile(path: string, text: string): Promise<void>
  freePort(): Promise<number>
}

/**
 * Returns a machine that starts servers inside a container and sends them signals there. All
 * servers share the container, so that the nodes of a Cluster reach each other on 127.0.0.1.
 */
export function containerMachine(container: ContainerAccess): Machine {
  return {
    bind: '0.0.0.0',
    freePort: () => container.freePort(),
    makeDirectory: async () => (await shell(container, 'mktemp -d')).trim(),
    removeDirectory: async (directory) => void (await shell(container, 'rm -rf "$1"', directory)),
    writeFile: (path, text) => container.writeFile(path, text),
    launch: (directory, flags, environment) => launch(container, directory, flags, environment),
  }
}

async function launch(
  container: ContainerAccess,
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
  const pid = Number(await shell(container, LAUNCH, directory, ...command))
  const readLog = () => shell(container, 'cat "$1/log"', directory)
  let running = true
  await eventually(async () => {
    running = await alive(container, pid)
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
        await shell(container, 'kill "-$1" "$2" 2>/dev/null || true', signal.slice(3), String(pid))
    },
    async exited() {
      await eventually(async () => !(await alive(container, pid)), { within: 30_000 })
      running = false
    },
  }
}

/** Without the redirections, `exec` would wait until the server's output ends. */
const LAUNCH = `
directory=$1
shift
"$@" >"$directory/log" 2>&1 </dev/null &
echo $!
`

/**
 * A zombie counts as dead, because its pid exists until the container's first process reaps it; but
 * only once all of its threads have ended, because until then they keep its sockets open.
 */
async function alive(container: ContainerAccess, pid: number): Promise<boolean> {
  const status = await shell(
    container,
    'grep -sE "^(State|Threads):" "/proc/$1/status" || true',
    String(pid),
  )
  return /State:\s+[^ZX\s]/.test(status) || Number(/Threads:\s+(\d+)/.exec(status)?.[1] ?? 0) > 1
}

async function shell(
  container: ContainerAccess,
  script: string,
  ...args: string[]
): Promise<string> {
  const { exitCode, output } = await container.exec(['sh', '-c', script, 'sh', ...args])
  if (exitCode !== 0)
    throw new Error(
      `A command in the container ended with status ${exitCode}: ${script.trim()}\n${output}`,
    )
  return output
}
