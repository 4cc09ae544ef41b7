import { setMaxListeners } from 'node:events'
import { Bag, type Seat } from '../bag.js'
import { ConnectionError, CommandTimeoutError, type CacheError } from '../errors.js'
import type { Command, Connection, Reply, SendOptions, Settle } from './driver.js'
import { Deadlines } from './deadlines.js'
import { described, nameOf } from './replies.js'

/** What the clients differ in. */
export interface Wire {
  /** Whether what is written now goes out at once, and not into a queue for later. */
  isReady(): boolean
  /** Why nothing can ever be written again, if so. */
  ended(): string | undefined
  /** Connects, if nobody has yet. */
  connect(): void
  /** Called when it may be ready again, when the connection was lost with what was under way, and with what went wrong. Returns how to stop listening. */
  watch(on: { ready(): void; lost(): void; trouble(error: unknown): void }): () => void
  /** Writes now; settles each command by its place. `signal` aborts when nobody waits any more for what is still unwritten. */
  write(commands: readonly Command[], settle: Settle, signal: AbortSignal | undefined): void
}

/**
 * Sends over one client connection (or one client of a Cluster), and sees to it that everything settles: each send has a deadline,
 * waits for the connection by itself instead of in the client's offline queue, and fails as soon as the connection is lost.
 */
export class Link implements Connection {
  readonly #wire: Wire
  readonly #timeout: number | undefined
  readonly #deadlines = new Deadlines()
  /** By order of arrival. */
  readonly #waiting = new Set<Sending>()
  readonly #written = new Bag<Sending>()
  readonly #forget: () => void
  #closed = false
  #trouble: unknown

  /** `timeout`: ms for sends that don't say otherwise; none where it is missing. */
  constructor(wire: Wire, timeout?: number) {
    this.#wire = wire
    this.#timeout = timeout
    this.#forget = wire.watch({ ready: () => this.#writeWaiting(), lost: () => this.#lose(), trouble: (error) => { this.#trouble = error } })
    wire.connect()
  }

  send(commands: readonly Command[], { timeout = this.#timeout, settle }: SendOptions = {}): Promise<readonly (Reply | CacheError)[]> {
    if (commands.length === 0) return Promise.resolve([])
    const dead = this.#closed ? 'the driver is closed' : this.#wire.ended()
    if (dead !== undefined) return Promise.resolve(commands.map((command) => unsent(command, dead)))
    return new Promise((resolve) => {
      const sending = new Sending(commands, (replies) => {
        if (sending.written) this.#written.delete(sending.written)
        else this.#waiting.delete(sending)
        if (deadline) this.#deadlines.done(deadline)
        resolve(replies)
      }, settle)
      const deadline = timeout === undefined ? undefined : this.#deadlines.set(timeout, () => sending.fail(sending.written ? (command) => late(command, timeout) : (command) => unreached(command, timeout, this.#trouble)))
      if (this.#wire.isReady()) this.#write(sending)
      else {
        this.#waiting.add(sending)
        this.#wire.connect()
      }
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#forget()
    for (const sending of [...this.#waiting, ...this.#written]) sending.fail((command) => unsent(command, 'the driver was closed'))
  }

  #write(sending: Sending): void {
    sending.written = this.#written.add(sending)
    // With nothing else under way it is written at once, and there is nothing to take back.
    this.#wire.write(sending.commands, sending.settle, this.#written.size > 1 ? sending.signal : undefined)
  }

  #writeWaiting(): void {
    const dead = this.#wire.ended()
    for (const sending of [...this.#waiting]) {
      if (dead !== undefined) sending.fail((command) => unsent(command, dead))
      else if (this.#wire.isReady()) {
        this.#waiting.delete(sending)
        this.#write(sending)
      }
    }
  }

  #lose(): void {
    for (const sending of this.#written) sending.fail((command) => lost(command, this.#trouble))
    if (this.#wire.ended() !== undefined) this.#writeWaiting()
  }
}

/** One send: its replies as they come. */
class Sending {
  readonly commands: readonly Command[]
  /** Once it is: where it stands among those that are. */
  written: Seat<Sending> | undefined
  readonly #replies: (Reply | CacheError)[]
  readonly #done: (replies: readonly (Reply | CacheError)[]) => void
  #controller: AbortController | undefined
  readonly #onSettle: Settle | undefined
  #open: number

  constructor(commands: readonly Command[], done: (replies: readonly (Reply | CacheError)[]) => void, onSettle: Settle | undefined) {
    this.commands = commands
    this.#replies = new Array<Reply | CacheError>(commands.length)
    this.#open = commands.length
    this.#done = done
    this.#onSettle = onSettle
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.commands.length > 10) setMaxListeners(0, this.#controller.signal) // one for each command
    }
    return this.#controller.signal
  }

  readonly settle = (place: number, reply: Reply | CacheError): void => {
    if (this.#replies[place] !== undefined) return
    this.#replies[place] = reply
    this.#onSettle?.(place, reply)
    this.#open--
    if (this.#open === 0) this.#done(this.#replies)
  }

  /** What has no reply by now gets none. */
  fail(error: (command: Command) => CacheError): void {
    this.#controller?.abort()
    for (const [place, command] of this.commands.entries()) this.settle(place, error(command))
  }
}

function unsent(command: Command, why: string): CacheError {
  return new ConnectionError(`${described(command)} was not sent: ${why}.`, { code: 'CLOSED', command: nameOf(command), key: command.keys[0] })
}

function lost(command: Command, cause: unknown): CacheError {
  const why = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : ''
  return new ConnectionError(`${described(command)} got no reply, the connection was lost${why}. It may or may not have been executed. Check that Redis is up and reachable.`, {
    command: nameOf(command), key: command.keys[0], cause,
  })
}

function unreached(command: Command, timeout: number, cause: unknown): CacheError {
  const why = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : ''
  return new ConnectionError(`${described(command)} was not sent: there was no connection to Redis within ${timeout} ms${why}. Check that the server is up, reachable, and takes the password.`, {
    command: nameOf(command), key: command.keys[0], cause,
  })
}

function late(command: Command, timeout: number): CacheError {
  return new CommandTimeoutError(`${described(command)} got no reply within ${Math.round(timeout)} ms. It may or may not have been executed. Check that Redis answers, or allow more time.`, {
    command: nameOf(command), key: command.keys[0],
  })
}
