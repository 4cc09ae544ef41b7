import { randomInt } from 'node:crypto'
import getPort from 'get-port'
import { StartError } from './machine/machine.js'

/**
 * A port nobody listens on. Below the range that systems give to outgoing connections, so that it
 * is still free when a server comes back to it after a restart; and 10,000 below a range that is
 * free of ours, for the bus of a Cluster's node.
 */
export function freePort(): Promise<number> {
  const candidates = Array.from({ length: 50 }, () => randomInt(12_000, 22_000))
  return getPort({ port: candidates, host: '127.0.0.1' })
}

/** Tries again with other ports: a free port is not reserved, and can be gone when it is wanted. */
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
