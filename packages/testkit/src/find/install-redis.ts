import { spawn } from 'node:child_process'
import { findBinary, onPath } from './binary.js'
import { oneAtATime } from './one-at-a-time.js'

/**
 * Installs Redis with `apt-get` (as root, or where sudo asks for no password) or `brew`, saying on stderr what it does. The path of
 * the binary, or `undefined` where neither is there or the installation failed. Several processes may call it at once: one installs,
 * the others find what it installed.
 */
export async function installRedis(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const commands = await installation(env)
  if (commands === undefined) return undefined
  return oneAtATime(async () => {
    const meanwhile = findBinary(env)
    if (meanwhile !== undefined) return meanwhile
    say(`No Redis found: installing one with ${commands.at(-1)?.join(' ')}`)
    for (const command of commands) {
      const status = await run(command, env)
      if (status !== 0) say(`${command.join(' ')} ended with status ${status}.`)
    }
    return findBinary(env)
  })
}

type Line = readonly [program: string, ...args: string[]]

async function installation(env: NodeJS.ProcessEnv): Promise<readonly Line[] | undefined> {
  const apt = onPath('apt-get', env)
  if (apt !== undefined) {
    const root = await asRoot(env)
    // A package list that could not be refreshed may still hold what is wanted, so the installation is tried in any case.
    if (root) return [[...root, apt, 'update', '-qq'], [...root, apt, ...INSTALL]]
  }
  const brew = onPath('brew', env)
  return brew === undefined ? undefined : [[brew, 'install', 'redis']]
}

const INSTALL = ['install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', 'redis-server']

/** What to put before a command so that it runs as root and asks nothing; `undefined` where that is not allowed. */
async function asRoot(env: NodeJS.ProcessEnv): Promise<Line | undefined> {
  if (process.getuid?.() === 0) return ['env', 'DEBIAN_FRONTEND=noninteractive']
  const sudo = onPath('sudo', env)
  if (sudo === undefined || (await run([sudo, '-n', 'true'], env)) !== 0) return undefined
  return [sudo, '-n', 'env', 'DEBIAN_FRONTEND=noninteractive']
}

/** Its exit status. What it prints goes to stderr: the stdout of a test run may be read by a program. */
function run([program, ...args]: Line, env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', process.stderr, process.stderr] })
    child.once('error', () => resolve(127))
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

function say(text: string): void {
  process.stderr.write(`testkit: ${text}\n`)
}
