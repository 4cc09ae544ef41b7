import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import type { Address } from '../command.js'
import { freePort, untilPortsAreFree } from '../free-port.js'
import { checkOneOf, checkWholeNumber } from '../options.js'
import { ProxiedConnection, type Faults, type StreamDirection } from './connection.js'

/** From the client to the server, from the server to the client, or both. */
export type Direction = StreamDirection | 'both'

/** The server behind a proxy: a `RedisServer`, a node of a Cluster, or any address. */
export interface ProxyTarget extends Address {
  /** The proxy's `url` has its username, password and database. */
  readonly url?: string
}

/** A TCP proxy that simulates failures of the network between a client and a server. */
export interface TcpProxy extends Address, AsyncDisposable {
  /** The `url` of the first target, with the host and port of the proxy. */
  readonly url: string
  /** The number of connections that clients have open now, including half-open and held ones. */
  readonly connections: number
  /**
   * The number of bytes discarded so far. Wait until it increases to know that a reply was lost,
   * before you call `pass()`.
   */
  readonly swallowed: number
  /** Ends all connections and refuses new ones, until `pass()`. */
  cut(): Promise<void>
  /** Ends the present connections. New ones are accepted. */
  drop(): void
  /** Delays bytes by `ms`, in their order; by default replies. `0` ends the delay. */
  delay(ms: number, direction?: Direction): void
  /** Discards bytes while connections stay open, like an unplugged cable, until `pass()`. */
  swallow(direction: Direction): void
  /**
   * Silences the present connections in both directions, as when a NAT drops its mapping. Bytes are
   * discarded, and neither side sees the other's FIN or RST. New connections work. `pass()`,
   * `drop()` and `cut()` end the silent ones.
   */
  halfOpen(): void
  /**
   * Holds back the requests of the present connections. Their clients get no more replies, and the
   * server does not see them disconnect. New connections work. `drop()`, `cut()` and `pass()` end
   * the held connections for their clients only.
   */
  hold(): HeldRequests
  /** Sends new connections to another server. Existing ones stay. */
  retarget(target: Address): void
  /**
   * Ends all faults. Connections that lost bytes are ended, because a client would misread the
   * replies after the gap.
   */
  pass(): Promise<void>
  /** Ends all connections and the proxy. Requests that are still held are lost. */
  close(): Promise<void>
}

/** Requests that a proxy holds back until you deliver them. */
export interface HeldRequests {
  /** The number of bytes that are held back now. */
  readonly bytes: number
  /**
   * Sends the held bytes to the server, even if their clients are gone, and then ends these
   * connections. Resolves once the server has executed the requests. A connection without held
   * bytes just ends.
   *
   * @throws {Error} when the server or `close()` ended a held connection that has held bytes.
   */
  deliver(): Promise<void>
}

/**
 * Starts a TCP proxy on a free port of 127.0.0.1, to simulate failures of the network. If the
 * target refuses a connection, the proxy ends the client's connection at once. Clients of a Cluster
 * or of Sentinels learn the servers' own addresses and go around a proxy: use `pause()` and
 * `kill()` of the servers there.
 *
 * @example
 * await using proxy = await startProxy(redis)
 * proxy.swallow('replies')
 */
export async function startProxy(target: ProxyTarget): Promise<TcpProxy> {
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

  constructor(target: ProxyTarget, port: number) {
    this.port = port
    this.url = throughProxy(target.url ?? 'redis://127.0.0.1', this)
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
    checkWholeNumber('ms', ms, { min: 0, max: 600_000 })
    for (const stream of directions(direction)) this.#faults.delay[stream] = ms
  }

  swallow(direction: Direction): void {
    for (const stream of directions(direction)) this.#faults.swallow[stream] = true
  }

  halfOpen(): void {
    for (const connection of this.#passing()) connection.halfOpen()
  }

  hold(): HeldRequests {
    const held = this.#passing()
    for (const connection of held) connection.hold()
    return {
      get bytes() {
        return held.reduce((sum, { heldBytes }) => sum + heldBytes, 0)
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
    for (const direction of directions('both')) {
      this.#faults.delay[direction] = 0
      this.#faults.swallow[direction] = false
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

function throughProxy(url: string, { host, port }: Address): string {
  const { protocol, username, password, pathname } = new URL(url)
  const login = username === '' && password === '' ? '' : `${username}:${password}@`
  return `${protocol}//${login}${host}:${port}${pathname}`
}

function directions(direction: Direction): readonly StreamDirection[] {
  checkOneOf('direction', direction, ['requests', 'replies', 'both'])
  return direction === 'both' ? ['requests', 'replies'] : [direction]
}
