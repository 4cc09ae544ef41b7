import { GenericContainer, Wait } from 'testcontainers'
import { freePort } from '../free-port.js'
import { machineInside } from './box.js'
import type { Machine } from './machine.js'

/**
 * One container for all servers of this process; testcontainers removes it when the process is
 * gone. Ports can't be published later, so it brings a supply of them, each with the same number on
 * both sides: Clusters and Sentinels tell clients the ports they know.
 */
export async function startContainer(image: string): Promise<Machine> {
  const supply = await Promise.all(Array.from({ length: PORTS }, () => freePort()))
  const container = await new GenericContainer(image)
    .withExposedPorts(...supply.map((port) => ({ container: port, host: port })))
    .withEntrypoint(['sh', '-c', IDLE])
    .withWaitStrategy(Wait.forLogMessage('idle'))
    .start()
  return machineInside({
    exec: (command) => container.exec([...command]),
    writeFile: (path, text) => container.copyContentToContainer([{ content: text, target: path }]),
    freePort: async () => {
      const port = supply.shift()
      if (port === undefined)
        throw new Error(
          `The container's ${PORTS} ports are used up: run fewer servers in one process.`,
        )
      return port
    },
  })
}

const PORTS = 100

// A first process that ends when it is told to, and that takes note of the servers that died.
const IDLE = 'trap "exit 0" TERM; echo idle; while :; do sleep 1; done'
