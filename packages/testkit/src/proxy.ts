import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from './command.js'
import { freePort } from './free-port.js'

/** From the client to the server, from the server to the client, or both ways. */
export type Direction = 'requests' | 'replies' | 'both'

export interface TcpProxy extends Address, AsyncDisposable {
  /** `redis://127.0.0.1:port`. */
  readonly url: string
  /** Connections that are open now. */
  readonly connections: number
  /** Bytes that vanished so far: wait for some to know that a reply was lost, before `pass()` lets the next one through. */
  readonly swallowed: number
  /** Ends all connections and refuses new ones, until `pass()`. */
  cut(): Promise<void>
  /** Ends the present connections; new ones are welcome. */
  drop(): void
  /** From now on bytes arrive `ms` later, in the order they were sent: replies, unless told. 0 ends it. */
  delay(ms: number, direction?: Direction): void
  /** From now on bytes vanish while the connections stay open, as with a cable pulled out, until `pass()`. */
  swallow(direction: Direction): void
  /** Back to normal. Connections that lost bytes end: what came after the hole would be taken for something else. */
  pass(): Promise<void>
  close(): Promise<void>
}

/**
 * A TCP proxy on a free port of 127.0.0.1, to fail in ways a server does not fail by itself. Connections to a target that refuses
 * them end at once.
 *
 * @example
 * await using proxy = await startProxy(redis)
 * proxy.swallow('replies')
 */
export async function startProxy(target: Address): Promise<TcpProxy> {
  const relay = new Relay(target, await freePort())
  await relay.pass()
  return relay
}

class Relay implements TcpProxy {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly url: string
  readonly #target: Address
  readonly #links = new Set<Link>()
  readonly #weather: Weather = { delay: { requests: 0, replies: 0 }, swallow: { requests: false, replies: false }, swallowed: 0 }
  #server: Server | undefined

  constructor(target: Address, port: number) {
    this.port = port
    this.url = `redis://${this.host}:${port}`
    this.#target = target
  }

  get connections(): number {
    return this.#links.size
  }

  get swallowed(): number {
    return this.#weather.swallowed
  }

  async cut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = server === undefined ? undefined : once(server.close(), 'close')
    this.drop()
    await closed
  }

  drop(): void {
    for (const link of this.#links) link.end()
  }

  delay(ms: number, direction: Direction = 'replies'): void {
    for (const way of ways(direction)) this.#weather.delay[way] = ms
  }

  swallow(direction: Direction): void {
    for (const way of ways(direction)) this.#weather.swallow[way] = true
  }

  async pass(): Promise<void> {
    for (const way of ways('both')) {
      this.#weather.delay[way] = 0
      this.#weather.swallow[way] = false
    }
    for (const link of this.#links) if (link.lostBytes) link.end()
    this.#server ??= await this.#listen()
  }

  close(): Promise<void> {
    return this.cut()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #listen(): Promise<Server> {
    const server = createServer((client) => {
      const link = new Link(client, connect(this.#target), this.#weather)
      this.#links.add(link)
      client.once('close', () => this.#links.delete(link))
    })
    server.listen(this.port, this.host)
    await once(server, 'listening')
    return server.unref()
  }
}

type Way = 'requests' | 'replies'

function ways(direction: Direction): readonly Way[] {
  return direction === 'both' ? ['requests', 'replies'] : [direction]
}

interface Weather {
  readonly delay: Record<Way, number>
  readonly swallow: Record<Way, boolean>
  swallowed: number
}

/** A client's connection and the one to the server. */
class Link {
  lostBytes = false
  readonly #client: Socket
  readonly #server: Socket
  readonly #weather: Weather

  constructor(client: Socket, server: Socket, weather: Weather) {
    this.#client = client
    this.#server = server
    this.#weather = weather
    this.#carry(client, server, 'requests')
    this.#carry(server, client, 'replies')
  }

  end(): void {
    this.#client.destroy()
    this.#server.destroy()
  }

  #lose(bytes: Buffer): void {
    this.lostBytes = true
    this.#weather.swallowed += bytes.length
  }

  #carry(from: Socket, to: Socket, way: Way): void {
    let delivered = Promise.resolve()
    const after = (arrival: number, deliver: () => void) => {
      delivered = delivered.then(() => until(arrival)).then(deliver)
    }
    from.setNoDelay(true)
    from.on('error', () => this.end())
    from.on('data', (bytes: Buffer) => {
      if (this.#weather.swallow[way]) this.#lose(bytes)
      else after(performance.now() + this.#weather.delay[way], () => void (to.destroyed || to.write(bytes)))
    })
    from.once('close', () => after(0, () => to.end()))
  }
}

async function until(time: number): Promise<void> {
  const left = time - performance.now()
  if (left > 0) await sleep(Math.ceil(left))
}
