import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { eventually } from '@cache/testing'

/**
 * Runs `work` while no other process on this machine holds the lock. The lock is a listening port:
 * taking it is atomic, and the system releases it when its holder dies.
 *
 * @throws {Error} when the lock was not free within ten minutes.
 */
export async function withMachineLock<T>(work: () => Promise<T>): Promise<T> {
  const lock = await eventually(tryLock, { within: 600_000, every: 200 })
  try {
    return await work()
  } finally {
    lock.close()
    await once(lock, 'close')
  }
}

/** Outside the ranges of the servers of tests and of outgoing connections. */
const LOCK_PORT = 11_977

async function tryLock(): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy())
  server.listen({ port: LOCK_PORT, host: '127.0.0.1', exclusive: true })
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  )
}
