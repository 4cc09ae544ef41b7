import { randomInt } from 'node:crypto'
import getPort from 'get-port'
import { StartError } from './machine/machine.js'

/**
 * Returns a port that nobody listens on. The port lies below the range that systems give to
 * outgoing connections, so that it is still free when a server is restarted on it. The range that
 * starts 10,000 ports higher is not used otherwise; there the nodes of a Cluster open their bus.
 */
export function freePort(): Promise<number> {
  const candidates = Array.from({ length: 50 }, () => randomInt(12_000, 22_000))
  return getPort({ port: candidates, host: '127.0.0.1' })
}

/**
 * Runs `launch` again with other ports when a port was taken in the meantime, at most five times. A
 * free port is not reserved, so another process can take it first.
 */
export async function untilPortsAreFree<T>(launch: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch()
    } catch (error) {
      if (!isPortTaken(error) || attempt === 5) throw error
    }
  }
}

function isPortTaken(error: unknown): boolean {
  if (error instanceof StartError) return error.portTaken
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
}
