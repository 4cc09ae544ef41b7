import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import type { Address } from '../command.js'
import { freePort, untilPortsAreFree } from '../free-port.js'
import { ProxiedConnection, type Faults, type Way } from './connection.js'

/** From the client to the server, from the server to the client, or both ways. */
export type Direction = Way | 'both'

export interface TcpProxy extends Address, AsyncDisposable {
  /** `redis://127.0.0.1:port`. */
  readonly url: string
  /** Connections that their clients have open now, also those that are half open or held. */
  readonly connections: number
  /**
   * Bytes that vanished so far. Wait for some to know that a reply was lost, before `pass()` lets
   * the next one through.
   */
  readonly swallowed: number
  /** Ends all connections and refuses new ones, until `pass()`. */
  cut(): Promise<void>
  /** Ends the present connections; new ones are welcome. */
  drop(): void
  /**
   * From now on bytes arrive `ms` later, in the order they were sent: replies, unless told. 0 ends
   * it.
   */
  delay(ms: number, direction?: Direction): void
  /**
   * From now on bytes vanish while the connections stay open, as with a cable pulled out, until
   * `pass()`.
   */
  swallow(direction: Direction): void
  /**
   * The connections that are open now go silent in both directions, as when a NAT drops its
   * mapping: bytes vanish, and neither side hears of the other's FIN or RST. New connections work.
   * `pass()`, `drop()` and `cut()` end the silent ones.
   */
  halfOpen(): void
  /**
   * From now on the requests of the connections that are open now are kept back. Their clients get
   * no more replies, and the server is not told when they disconnect. New connections work.
   * `drop()`, `cut()` and `pass()` end the held connections for their clients only.
   */
  hold(): HeldRequests
  /** New connections go to another server from now on; existing ones stay where they are. */
  retarget(target: Address): void
  /**
   * Back to normal. Connections that lost bytes end: what came after the hole would be taken for
   * something else.
   */
  pass(): Promise<void>
  /** Ends everything; requests that are still held are lost. */
  close(): Promise<void>
}

/** Requests that a proxy keeps back until they are delivered. */
export interface HeldRequests {
  /** The number of bytes that are kept back now. */
  readonly bytes: number
  /**
   * Hands the kept bytes to the server, whether their clients are still there or not, and then ends
   * these connections. Resolves once the server has executed what it got. A connection whose client
   * sent nothing just ends.
   *
   * @throws {Error} when the server or `close()` ended a held connection that has kept bytes.
   */
  deliver(): Promise<void>
}

/**
 * A TCP proxy on a free port of 127.0.0.1, to fail in ways a server does not fail by itself.
 * Connections to a target that refuses them end at once.
 *
 * @example
 * await using proxy = await startProxy(redis)
 * proxy.swallow('replies')
 */
export async function startProxy(target: Address): Promise<TcpProxy> {
  return untilPortsAreFree(async () => {
    const relay = new Relay(target, await freePort())
    await relay.pass()
    return relay
  })
}

class Relay implements TcpProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly url: string
  readonly #connections = new Set<ProxiedConnection>()
  readonly #faults: Faults = {
    delay: { requests: 0, replies: 0 },
    swallow: { requests: false, replies: false },
    swallowed: 0,
  }
  #target: Address
  #server: Server | undefined

  constructor(target: Address, port: number) {
    this.port = port
    this.url = `redis://${this.host}:${port}`
    this.#target = target
  }

  get connections(): number {
    return [...this.#connections].filter(({ clientIsOpen }) => clientIsOpen).length
  }

  get swallowed(): number {
    return this.#faults.swallowed
  }

  async cut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = server === undefined ? undefined : once(server.close(), 'close')
    this.drop()
    await closed
  }

  drop(): void {
    for (const connection of this.#connections) connection.drop()
  }

  delay(ms: number, direction: Direction = 'replies'): void {
    for (const way of ways(direction)) this.#faults.delay[way] = ms
  }

  swallow(direction: Direction): void {
    for (const way of ways(direction)) this.#faults.swallow[way] = true
  }

  halfOpen(): void {
    for (const connection of this.#passing()) connection.halfOpen()
  }

  hold(): HeldRequests {
    const held = this.#passing()
    for (const connection of held) connection.hold()
    return {
      get bytes() {
        return held.reduce((sum, { keptBytes }) => sum + keptBytes, 0)
      },
      async deliver() {
        for (const connection of held) await connection.deliver()
      },
    }
  }

  retarget(target: Address): void {
    this.#target = target
  }

  async pass(): Promise<void> {
    for (const way of ways('both')) {
      this.#faults.delay[way] = 0
      this.#faults.swallow[way] = false
    }
    for (const connection of this.#connections) if (connection.isBroken) connection.drop()
    this.#server ??= await this.#listen()
  }

  async close(): Promise<void> {
    const cut = this.cut()
    for (const connection of this.#connections) connection.destroy()
    await cut
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #passing(): readonly ProxiedConnection[] {
    return [...this.#connections].filter(({ isPassing }) => isPassing)
  }

  async #listen(): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const { host, port } = this.#target
      const upstream = connect({ host, port, allowHalfOpen: true })
      const connection = new ProxiedConnection(client, upstream, this.#faults)
      this.#connections.add(connection)
      void connection.closed.then(() => this.#connections.delete(connection))
    })
    server.listen(this.port, this.host)
    await once(server, 'listening')
    return server.unref()
  }
}

function ways(direction: Direction): readonly Way[] {
  return direction === 'both' ? ['requests', 'replies'] : [direction]
}
