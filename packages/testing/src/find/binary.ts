import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * Returns the binary that `REDIS_SERVER` names, or else `redis-server` or `valkey-server` on the
 * PATH, or `undefined` if there is none.
 *
 * @throws {Error} when `REDIS_SERVER` names a file that can't be executed.
 */
export function findBinary(env: NodeJS.ProcessEnv): string | undefined {
  const named = env.REDIS_SERVER
  if (!named) return onPath('redis-server', env) ?? onPath('valkey-server', env)
  const path = named.includes('/') ? (executable(named) ? named : undefined) : onPath(named, env)
  if (path === undefined) throw new Error(`REDIS_SERVER is ${named}, which can't be executed.`)
  return path
}

/** Returns the full path of a program, as a shell would find it. */
export function onPath(program: string, env: NodeJS.ProcessEnv): string | undefined {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    const path = join(directory, program)
    if (directory !== '' && executable(path)) return path
  }
  return undefined
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
