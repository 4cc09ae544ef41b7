import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { StartError } from './machine/machine.js'

/**
 * Returns a port that nobody listens on, and that this process was not given recently. The port
 * lies below the range that systems give to outgoing connections, so that it is still free when a
 * server is restarted on it. The range that starts 10,000 ports higher is not used otherwise; there
 * the nodes of a Cluster open their bus.
 *
 * @throws {Error} when there is none.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = randomInt(12_000, 22_000)
    if (given.has(port)) continue
    remember(port)
    if (await isFree(port)) return port
  }
  throw new Error('Found no free port between 12000 and 22000 of 127.0.0.1.')
}

const given = new Set<number>()

/** Forgets the oldest port, so that a long run does not use up all of them. */
function remember(port: number): void {
  given.add(port)
  const [oldest] = given
  if (given.size > 1_000 && oldest !== undefined) given.delete(oldest)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  server.listen({ port, host: '127.0.0.1', exclusive: true })
  const listens = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  if (!listens) return false
  server.close()
  await once(server, 'close')
  return true
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
