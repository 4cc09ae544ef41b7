import { loadTestcontainers } from '../find/testcontainers.js'
import { freePort } from '../free-port.js'
import { containerMachine } from './container-machine.js'
import type { Machine } from './machine.js'

/**
 * Starts one container for all servers of this process. Testcontainers removes it when the process
 * is gone. Ports can't be published later, so the container publishes a number of them at the
 * start. Each has the same number inside and outside, because Clusters and Sentinels tell clients
 * their own ports.
 */
export async function startContainer(image: string): Promise<Machine> {
  const testcontainers = loadTestcontainers()
  if (testcontainers === undefined) throw new Error('The package testcontainers is not installed.')
  const { GenericContainer, Wait } = testcontainers
  const ports = await Promise.all(Array.from({ length: PORTS }, () => freePort()))
  const container = await new GenericContainer(image)
    .withExposedPorts(...ports.map((port) => ({ container: port, host: port })))
    .withEntrypoint(['sh', '-c', IDLE])
    .withWaitStrategy(Wait.forLogMessage('idle'))
    .start()
  return containerMachine({
    exec: (command) => container.exec([...command]),
    writeFile: (path, text) => container.copyContentToContainer([{ content: text, target: path }]),
    freePort: async () => {
      const port = ports.shift()
      if (port === undefined)
        throw new Error(
          `The container's ${PORTS} ports are used up: run fewer servers in one process.`,
        )
      return port
    },
  })
}

const PORTS = 100

// The container's first process: it ends on SIGTERM and reaps the servers that died.
const IDLE = 'trap "exit 0" TERM; echo idle; while :; do sleep 1; done'
