import { spawn, spawnSync } from 'node:child_process'
import { findRedis } from '@cache/testing'
import { withMachineLock } from './machine-lock.js'

/**
 * Installs Redis with `apt-get` or `brew`, and announces that on stderr. It does so only as root,
 * or if `CACHE_TESTKIT_INSTALL=1` allows it (`npm test -- --install` sets that). Several processes
 * may call it at once: one installs, and the others find the installed binary.
 *
 * @returns the path of the binary, or `undefined` if installing is not allowed, there is no package
 * manager, or the installation failed.
 */
export async function installRedis(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const commands = await installCommands(env)
  if (commands === undefined) return undefined
  return withMachineLock(async () => {
    const installed = await findInstalled(env)
    if (installed !== undefined) return installed
    log(`No Redis found: installing one with ${commands.at(-1)?.join(' ')}`)
    for (const command of commands) {
      const status = await run(command, env)
      if (status !== 0) log(`${command.join(' ')} ended with status ${status}.`)
    }
    return findInstalled(env)
  })
}

async function findInstalled(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const source = await findRedis({ env: { ...env, REDIS_URL: '' }, docker: false }).catch(
    () => undefined,
  )
  return source?.kind === 'binary' ? source.path : undefined
}

type CommandLine = readonly [program: string, ...args: string[]]

async function installCommands(
  env: NodeJS.ProcessEnv,
): Promise<readonly CommandLine[] | undefined> {
  if (process.getuid?.() !== 0 && env.CACHE_TESTKIT_INSTALL !== '1') return undefined
  if (isOnPath('apt-get', env)) {
    const prefix = await rootPrefix(env)
    // Installs even if the update failed: the old package list may still contain the package.
    if (prefix)
      return [
        [...prefix, 'apt-get', 'update', '-qq'],
        [...prefix, 'apt-get', ...INSTALL],
      ]
  }
  return isOnPath('brew', env) ? [['brew', 'install', 'redis']] : undefined
}

function isOnPath(program: string, env: NodeJS.ProcessEnv): boolean {
  return spawnSync(program, ['--version'], { env, stdio: 'ignore' }).error === undefined
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
 * Returns the prefix that runs a command as root without questions, or `undefined` if that is not
 * allowed.
 */
async function rootPrefix(env: NodeJS.ProcessEnv): Promise<CommandLine | undefined> {
  if (process.getuid?.() === 0) return ['env', 'DEBIAN_FRONTEND=noninteractive']
  if (!isOnPath('sudo', env) || (await run(['sudo', '-n', 'true'], env)) !== 0) return undefined
  return ['sudo', '-n', 'env', 'DEBIAN_FRONTEND=noninteractive']
}

/**
 * Runs a command and returns its exit status. Its output goes to stderr, because a program may read
 * the stdout of a test run.
 */
function run([program, ...args]: CommandLine, env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', process.stderr, process.stderr] })
    child.once('error', () => resolve(127))
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

function log(text: string): void {
  process.stderr.write(`testkit: ${text}\n`)
}
