import { randomInt } from 'node:crypto'
import getPort from 'get-port'

/**
 * A port nobody listens on. Below the range that systems give to outgoing connections, so that it is still free when a server comes
 * back to it after a restart; and 10,000 below a range that is free of ours, for the bus of a Cluster's node.
 */
export function freePort(): Promise<number> {
  const candidates = Array.from({ length: 50 }, () => randomInt(12_000, 22_000))
  return getPort({ port: candidates, host: '127.0.0.1' })
}
