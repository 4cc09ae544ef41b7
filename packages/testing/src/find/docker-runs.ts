import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { loadTestcontainers } from './testcontainers.js'

/**
 * Returns whether a container engine answers and testcontainers is installed, which is loaded only
 * if there is a socket.
 */
export async function dockerRuns(env: NodeJS.ProcessEnv): Promise<boolean> {
  if (!env.DOCKER_HOST && !sockets(env).some((path) => existsSync(path))) return false
  const testcontainers = loadTestcontainers()
  if (testcontainers === undefined) return false
  return testcontainers.getContainerRuntimeClient().then(
    () => true,
    () => false,
  )
}

/** The sockets of Docker, rootless Docker, Docker Desktop, Colima and Podman. */
function sockets(env: NodeJS.ProcessEnv): readonly string[] {
  const home = env.HOME ?? homedir()
  const runtime = env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid?.()}`
  return [
    '/var/run/docker.sock',
    join(runtime, 'docker.sock'),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.colima/default/docker.sock'),
    join(runtime, 'podman/podman.sock'),
  ]
}
