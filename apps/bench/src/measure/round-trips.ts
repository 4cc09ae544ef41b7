import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface RoundTripCounter extends AsyncDisposable {
  /** The URL of the same server through the proxy. */
  readonly url: string
  /**
   * Counts the round trips during `work`: how often bytes were sent to the server after a reply, on
   * any connection.
   */
  during(work: () => Promise<unknown>): Promise<number>
}

/** Starts a proxy that counts round trips, whatever library makes them. */
export async function countRoundTrips(to: {
  readonly host: string
  readonly port: number
}): Promise<RoundTripCounter> {
  let roundTrips = 0
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
      if (answered) roundTrips++
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
      roundTrips = 0
      await work()
      return roundTrips
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
