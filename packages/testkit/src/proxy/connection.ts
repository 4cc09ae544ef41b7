import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Way = 'requests' | 'replies'

/** What currently happens to the bytes of all connections of a proxy. */
export interface Faults {
  readonly delay: Record<Way, number>
  readonly swallow: Record<Way, boolean>
  swallowed: number
}

/**
 * A client's connection to the proxy, and the proxy's connection to the server. Both sockets must
 * have been made with `allowHalfOpen`: a FIN is answered here, and only while bytes pass.
 */
export class ProxiedConnection {
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<unknown>
  readonly #client: Socket
  readonly #server: Socket
  readonly #serverFailed: Promise<boolean>
  readonly #faults: Faults
  readonly #carried: Record<Way, Promise<void>> = {
    requests: Promise.resolve(),
    replies: Promise.resolve(),
  }
  #mode: 'passing' | 'half-open' | 'held' = 'passing'
  #clientIsOpen = true
  #lostBytes = false
  #kept: Buffer[] = []

  constructor(client: Socket, server: Socket, faults: Faults) {
    this.#client = client
    this.#server = server
    this.#faults = faults
    this.#serverFailed = closing(server)
    this.closed = Promise.all([closing(client), this.#serverFailed])
    this.#carry(client, server, 'requests')
    this.#carry(server, client, 'replies')
    for (const event of ['end', 'close']) client.once(event, () => (this.#clientIsOpen = false))
  }

  /** Whether the client has not closed its end. */
  get clientIsOpen(): boolean {
    return this.#clientIsOpen
  }

  /** Whether it is open and no fault of its own was put on it. */
  get isPassing(): boolean {
    return this.#clientIsOpen && this.#mode === 'passing'
  }

  /** Whether something is missing from the stream, so that it must not go on. */
  get isBroken(): boolean {
    return this.#lostBytes || this.#mode !== 'passing'
  }

  get keptBytes(): number {
    return this.#kept.reduce((sum, { length }) => sum + length, 0)
  }

  halfOpen(): void {
    this.#mode = 'half-open'
  }

  hold(): void {
    this.#mode = 'held'
  }

  /**
   * Writes the kept bytes and a FIN to the server. Resolves once the server has closed its end: it
   * reads, and executes, everything that came before the FIN.
   *
   * @throws {Error} when the server closed the connection first.
   */
  async deliver(): Promise<void> {
    this.#client.destroy()
    await this.#carried.requests
    if (this.keptBytes === 0) return void this.#server.destroy()
    const refused = new Error('A held connection ended before its bytes were delivered.')
    if (this.#server.destroyed || this.#server.readableEnded) throw refused
    this.#server.end(Buffer.concat(this.#kept))
    if (await this.#serverFailed) throw refused
    this.#kept = []
  }

  /** Ends the connection. A held one ends for its client only: the kept bytes can be delivered. */
  drop(): void {
    this.#client.destroy()
    if (this.#mode !== 'held') this.#server.destroy()
  }

  destroy(): void {
    this.#client.destroy()
    this.#server.destroy()
  }

  #carry(from: Socket, to: Socket, way: Way): void {
    const after = (arrival: number, deliver: () => void) => {
      this.#carried[way] = this.#carried[way].then(() => until(arrival)).then(deliver)
    }
    const whilePassing = (action: () => void) => () => {
      if (this.#mode === 'passing') action()
    }
    from.setNoDelay(true)
    from.on(
      'error',
      whilePassing(() => this.destroy()),
    )
    from.on('data', (bytes: Buffer) => {
      if (this.#faults.swallow[way]) this.#lose(bytes)
      else after(performance.now() + this.#faults.delay[way], () => this.#pass(bytes, to, way))
    })
    from.once(
      'end',
      whilePassing(() => from.end()),
    )
    from.once('close', () =>
      after(
        0,
        whilePassing(() => to.end()),
      ),
    )
  }

  #pass(bytes: Buffer, to: Socket, way: Way): void {
    if (this.#mode === 'held' && way === 'requests') this.#kept.push(bytes)
    else if (this.#mode !== 'passing') this.#lose(bytes)
    else if (!to.destroyed) to.write(bytes)
  }

  #lose(bytes: Buffer): void {
    this.#lostBytes = true
    this.#faults.swallowed += bytes.length
  }
}

/** Resolves when the socket is closed, with whether an error closed it. */
function closing(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => socket.once('close', resolve))
}

async function until(time: number): Promise<void> {
  const left = time - performance.now()
  if (left > 0) await sleep(Math.ceil(left))
}
