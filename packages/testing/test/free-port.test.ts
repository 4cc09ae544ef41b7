import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { expect, it } from 'vitest'
import { freePort, untilPortsAreFree } from '../src/free-port.js'

it('a port that was taken in the meantime is replaced by another one, a few times', async () => {
  const listen = async (port: number): Promise<Server> => {
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  const [taken, free] = [await freePort(), await freePort()]
  const holder = await listen(taken)
  const ports = [taken, taken, free]
  const server = await untilPortsAreFree(() => listen(ports.shift() as number))
  expect(server.address()).toMatchObject({ port: free })
  await expect(untilPortsAreFree(() => listen(taken))).rejects.toThrow('EADDRINUSE')
  server.close()
  holder.close()
})
