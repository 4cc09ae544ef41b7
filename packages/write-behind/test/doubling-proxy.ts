import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '@cache/testkit'

export interface DoublingProxy extends Address, AsyncDisposable {
  readonly url: string
  /** Delivers all requests so far once more. Resolves once the server has executed them. */
  deliverAgain(): Promise<void>
}

/**
 * Starts a TCP proxy that delivers every request twice: at once, and `lag` ms later on a separate
 * connection. This is what happens if a client repeats a request without a reply while the first
 * copy is still in transit.
 */
export async function startDoublingProxy(target: Address, lag: number): Promise<DoublingProxy> {
  const open = new Set<Socket>()
  const sent: Buffer[][] = []
  const toServer = (): Socket => tracked(connect(target.port, target.host))
  const server = createServer((client) => {
    const [first, copy] = [toServer(), toServer()]
    tracked(client).pipe(first).pipe(client)
    client.on('close', () => first.destroy())
    first.on('close', () => client.destroy())
    copy.resume() // its replies are dropped
    const bytes: Buffer[] = []
    sent.push(bytes)
    let copied: Promise<unknown> = Promise.resolve()
    client.on('data', (chunk: Buffer) => {
      bytes.push(chunk)
      const due = sleep(lag)
      copied = copied.then(() => due).then(() => copy.write(chunk))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return {
    host: '127.0.0.1',
    port,
    url: `redis://127.0.0.1:${port}`,
    async deliverAgain() {
      await Promise.all(
        sent.map(async (chunks) => {
          const again = connect({ ...target, allowHalfOpen: true })
          again.resume()
          again.end(Buffer.concat(chunks))
          await once(again, 'end')
          again.destroy()
        }),
      )
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server.close(), 'close')
      for (const socket of open) socket.destroy()
      await closed
    },
  }

  function tracked(socket: Socket): Socket {
    open.add(socket)
    socket.setNoDelay(true)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    return socket
  }
}
