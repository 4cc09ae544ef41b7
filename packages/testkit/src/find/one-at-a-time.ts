import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { eventually } from '../eventually.js'

/**
 * Runs `work` while no other process on this machine does. The lock is a listening port: taken in
 * one step, and given back by the system when its holder dies, so that it can't be left behind.
 *
 * @throws {Error} when the lock was not free within ten minutes.
 */
export async function oneAtATime<T>(work: () => Promise<T>): Promise<T> {
  const lock = await eventually(tryLock, { within: 600_000, every: 200 })
  try {
    return await work()
  } finally {
    lock.close()
    await once(lock, 'close')
  }
}

/** Outside the range that servers of the testkit and outgoing connections use. */
const LOCK_PORT = 11_977

async function tryLock(): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy())
  server.listen({ port: LOCK_PORT, host: '127.0.0.1', exclusive: true })
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  )
}
