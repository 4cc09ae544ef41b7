import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Turns extends AsyncDisposable {
  /** The same server, seen through this. */
  readonly url: string
  /**
   * How often somebody waited for the server during the work: bytes that went there after an
   * answer, on any connection.
   */
  during(work: () => Promise<unknown>): Promise<number>
}

/** A proxy that counts round trips, whatever library makes them. */
export async function countTurns(to: {
  readonly host: string
  readonly port: number
}): Promise<Turns> {
  let turns = 0
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const redis = connect(to)
    let answered = true
    for (const [from, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      open.add(from)
      from.setNoDelay()
      from.on('error', () => undefined)
      from.on('close', () => {
        open.delete(from)
        other.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (answered) turns++
      answered = false
      redis.write(bytes)
    })
    redis.on('data', (bytes) => {
      answered = true
      client.write(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async during(work) {
      turns = 0
      await work()
      return turns
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
