import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type StreamDirection = 'requests' | 'replies'

/** The faults that a proxy currently applies to all its connections. */
export interface Faults {
  readonly delay: Record<StreamDirection, number>
  readonly swallow: Record<StreamDirection, boolean>
  swallowed: number
}

/**
 * A client's connection to the proxy, and the proxy's connection to the server. Create both sockets
 * with `allowHalfOpen`: this class answers a FIN itself, and only while bytes pass.
 */
export class ProxiedConnection {
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<unknown>
  readonly #client: Socket
  readonly #server: Socket
  readonly #serverFailed: Promise<boolean>
  readonly #faults: Faults
  readonly #pending: Record<StreamDirection, Promise<void>> = {
    requests: Promise.resolve(),
    replies: Promise.resolve(),
  }
  #mode: 'passing' | 'half-open' | 'held' = 'passing'
  #clientIsOpen = true
  #hasLostBytes = false
  #held: Buffer[] = []

  constructor(client: Socket, server: Socket, faults: Faults) {
    this.#client = client
    this.#server = server
    this.#faults = faults
    this.#serverFailed = closing(server)
    this.closed = Promise.all([closing(client), this.#serverFailed])
    this.#forward(client, server, 'requests')
    this.#forward(server, client, 'replies')
    for (const event of ['end', 'close']) client.once(event, () => (this.#clientIsOpen = false))
  }

  /** Whether the client has its end open. */
  get clientIsOpen(): boolean {
    return this.#clientIsOpen
  }

  /** Whether the connection is open and neither half open nor held. */
  get isPassing(): boolean {
    return this.#clientIsOpen && this.#mode === 'passing'
  }

  /** Whether bytes are missing from the stream, so that it must not continue. */
  get isBroken(): boolean {
    return this.#hasLostBytes || this.#mode !== 'passing'
  }

  get heldBytes(): number {
    return this.#held.reduce((sum, { length }) => sum + length, 0)
  }

  halfOpen(): void {
    this.#mode = 'half-open'
  }

  hold(): void {
    this.#mode = 'held'
  }

  /**
   * Writes the held bytes and a FIN to the server. Resolves once the server has closed its end: by
   * then it has read and executed everything before the FIN.
   *
   * @throws {Error} when the server closed the connection first.
   */
  async deliver(): Promise<void> {
    this.#client.destroy()
    await this.#pending.requests
    if (this.heldBytes === 0) return void this.#server.destroy()
    const refused = new Error('A held connection ended before its bytes were delivered.')
    if (this.#server.destroyed || this.#server.readableEnded) throw refused
    this.#server.end(Buffer.concat(this.#held))
    if (await this.#serverFailed) throw refused
    this.#held = []
  }

  /** Ends the connection. A held one ends only for its client: its bytes can still be delivered. */
  drop(): void {
    this.#client.destroy()
    if (this.#mode !== 'held') this.#server.destroy()
  }

  destroy(): void {
    this.#client.destroy()
    this.#server.destroy()
  }

  #forward(from: Socket, to: Socket, direction: StreamDirection): void {
    const after = (arrival: number, deliver: () => void) => {
      this.#pending[direction] = this.#pending[direction].then(() => until(arrival)).then(deliver)
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
      if (this.#faults.swallow[direction]) this.#discard(bytes)
      else
        after(performance.now() + this.#faults.delay[direction], () =>
          this.#pass(bytes, to, direction),
        )
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

  #pass(bytes: Buffer, to: Socket, direction: StreamDirection): void {
    if (this.#mode === 'held' && direction === 'requests') this.#held.push(bytes)
    else if (this.#mode !== 'passing') this.#discard(bytes)
    else if (!to.destroyed) to.write(bytes)
  }

  #discard(bytes: Buffer): void {
    this.#hasLostBytes = true
    this.#faults.swallowed += bytes.length
  }
}

/** Resolves when the socket is closed; the value tells whether an error closed it. */
function closing(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => socket.once('close', resolve))
}

async function until(time: number): Promise<void> {
  const left = time - performance.now()
  if (left > 0) await sleep(Math.ceil(left))
}
