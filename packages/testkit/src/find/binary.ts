import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/**
 * The binary that `REDIS_SERVER` names, or `redis-server` or `valkey-server` on the PATH; `undefined` where there is none.
 *
 * @throws {Error} when `REDIS_SERVER` names something that can't be executed.
 */
export async function findBinary(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = env.REDIS_SERVER
  if (!named) return (await onPath('redis-server', env)) ?? (await onPath('valkey-server', env))
  const path = named.includes('/') ? ((await executable(named)) ? named : undefined) : await onPath(named, env)
  if (path === undefined) throw new Error(`REDIS_SERVER is ${named}, which can't be executed.`)
  return path
}

/** The full path of a program, as a shell would find it. */
export async function onPath(program: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const directory of (env.PATH ?? '').split(delimiter)) {
    const path = join(directory, program)
    if (directory !== '' && (await executable(path))) return path
  }
  return undefined
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
