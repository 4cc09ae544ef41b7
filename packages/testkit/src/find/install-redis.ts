import { spawn } from 'node:child_process'
import { findBinary, onPath } from './binary.js'
import { oneAtATime } from './one-at-a-time.js'

/**
 * Installs Redis with `apt-get` or `brew`, and says on stderr what it is about to do. It does so
 * only as root, or if `CACHE_TESTKIT_INSTALL=1` allows it (`npm test -- --install` sets that).
 * Resolves to the path of the binary, or `undefined` where it may not install, there is no package
 * manager, or the installation failed. Several processes may call it at once: one installs, the
 * others find what it installed.
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
  if (process.getuid?.() !== 0 && env.CACHE_TESTKIT_INSTALL !== '1') return undefined
  const apt = onPath('apt-get', env)
  if (apt !== undefined) {
    const root = await asRoot(env)
    // A package list that could not be refreshed may still hold what is wanted, so the installation
    // is tried in any case.
    if (root)
      return [
        [...root, apt, 'update', '-qq'],
        [...root, apt, ...INSTALL],
      ]
  }
  const brew = onPath('brew', env)
  return brew === undefined ? undefined : [[brew, 'install', 'redis']]
}

const INSTALL = [
  'install',
  '-y',
  '-qq',
  '--no-install-recommends',
  '-o',
  'DPkg::Lock::Timeout=120',
  'redis-server',
]

/**
 * What to put before a command so that it runs as root and asks nothing; `undefined` where that is
 * not allowed.
 */
async function asRoot(env: NodeJS.ProcessEnv): Promise<Line | undefined> {
  if (process.getuid?.() === 0) return ['env', 'DEBIAN_FRONTEND=noninteractive']
  const sudo = onPath('sudo', env)
  if (sudo === undefined || (await run([sudo, '-n', 'true'], env)) !== 0) return undefined
  return [sudo, '-n', 'env', 'DEBIAN_FRONTEND=noninteractive']
}

/**
 * Its exit status. What it prints goes to stderr: the stdout of a test run may be read by a
 * program.
 */
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
