import { setMaxListeners } from 'node:events'
import { SwapList, type Handle } from '../../util/swap-list.js'
import { CommandTimeoutError, ConnectionError, ServerError, type CacheError } from '../../errors.js'
import type { Connection, SendOptions, Settle } from '../driver.js'
import type { Command, Reply } from '../command.js'
import { Deadlines, type Deadline } from '../../util/deadlines.js'
import { redactedError } from '../../util/redact.js'
import { described, nameOf } from './replies.js'
import { ServerWatch, type WatchedClient } from './server-watch.js'

/** What the clients differ in. */
export interface Wire extends WatchedClient {
  /** Whether what is written now goes out at once, and not into a queue for later. */
  isReady(): boolean
  /** Why nothing can ever be written again, if so. */
  ended(): string | undefined
  /** Connects, if nobody has yet. */
  connect(): void
  /** As `Driver.sinceResend`. */
  sinceResend?(): number
  /**
   * Called when it may be ready again, when the connection was lost with what was under way, and
   * with what went wrong. Returns how to stop listening.
   */
  watch(on: { ready(): void; lost(): void; trouble(error: unknown): void }): () => void
  /**
   * Writes now; settles each command by its place. `signal` makes one that aborts when nobody waits
   * any more for what is still unwritten; `isOpen` says whether a command is waited for, before it
   * is written once more.
   */
  write(
    commands: readonly Command[],
    settle: Settle,
    signal: () => AbortSignal | undefined,
    isOpen: (place: number) => boolean,
  ): void
  /** What is written when it is ready goes to the socket, and not into a queue of the client. */
  readonly writesAtOnce: boolean
  /** The server that a command goes to now; missing where there is one for all. */
  nodeOf?(command: Command): string
  /** Ends what the wire has opened itself. */
  close?(): void
}

export interface LinkOptions {
  /** Ms for sends that don't say otherwise; none where it is missing. */
  readonly timeout?: number | undefined
  /** Whether connections that are silent, or lead to a replica, are replaced. Default: yes. */
  readonly watched?: boolean
}

/**
 * Sends over one client connection (or one client of a Cluster), and sees to it that everything
 * settles: each send has a deadline, waits for the connection by itself instead of in the client's
 * offline queue, and fails as soon as the connection is lost. What it hears of the servers, and
 * what not, goes to a `ServerWatch`.
 */
export class Link implements Connection {
  readonly #wire: Wire
  readonly #timeout: number | undefined
  readonly #deadlines = new Deadlines({ forReplies: true })
  /** By order of arrival. */
  readonly #waiting = new Set<Sending>()
  readonly #written = new SwapList<Sending>()
  readonly #watch: ServerWatch | undefined
  readonly #forget: () => void
  #closed = false
  /** What the client said last that went wrong, as it may be shown. */
  #trouble: Error | undefined

  constructor(wire: Wire, { timeout, watched = true }: LinkOptions = {}) {
    this.#wire = wire
    this.#timeout = timeout
    if (watched)
      this.#watch = new ServerWatch(wire, timeout ?? USUAL_TIMEOUT, () => this.#roleChanged())
    this.#forget = wire.watch({
      ready: () => this.#connected(),
      lost: () => this.#lose(),
      trouble: (error) => {
        this.#trouble = redactedError(error)
      },
    })
    wire.connect()
  }

  send(
    commands: readonly Command[],
    { timeout = this.#timeout, settle }: SendOptions = {},
  ): Promise<readonly (Reply | CacheError)[]> {
    if (commands.length === 0) return Promise.resolve([])
    const dead = this.#closed ? 'the driver is closed' : this.#wire.ended()
    if (dead !== undefined) return Promise.resolve(commands.map((command) => unsent(command, dead)))
    if (this.#watch?.staysReplica('')) return Promise.resolve(commands.map(readOnly))
    return new Promise((resolve) => {
      const now = performance.now()
      const sending = new Sending({
        commands,
        started: now,
        watch: this.#watch,
        onSettle: settle,
        done: (replies) => {
          if (sending.written) this.#written.delete(sending.written)
          else this.#waiting.delete(sending)
          if (deadline) this.#deadlines.done(deadline)
          resolve(replies)
        },
      })
      const deadline = timeout === undefined ? undefined : this.#setDeadline(sending, timeout, now)
      if (this.#isReady()) this.#write(sending, now)
      else {
        this.#waiting.add(sending)
        this.#wire.connect()
      }
    })
  }

  /** Ms for which a node has been silent, see `ServerWatch`. */
  silentFor(node: string): number {
    return this.#watch?.silentFor(node) ?? 0
  }

  /** See `Driver.sinceResend`. */
  sinceResend(): number {
    return this.#wire.sinceResend?.() ?? Infinity
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#watch?.close()
    this.#forget()
    for (const sending of [...this.#waiting])
      sending.fail((command) => unsent(command, 'the driver was closed'))
    for (const sending of this.#written)
      sending.fail((command) => lost(command, new Error('the driver was closed')))
    this.#wire.close?.()
  }

  #setDeadline(sending: Sending, timeout: number, now: number): Handle<Deadline> {
    const expire = (): void => {
      if (this.#watch) sending.tellUnanswered(this.#wire, this.#watch)
      const late = (command: Command): CacheError => tooLate(command, timeout)
      const trouble = this.#watch?.isReplica('')
        ? new Error('the server is a replica')
        : this.#trouble
      sending.fail(sending.written ? late : (command) => unreached(command, timeout, trouble))
    }
    return this.#deadlines.set(timeout, expire, now)
  }

  #isReady(): boolean {
    return this.#wire.isReady() && this.#watch?.isReplica('') !== true
  }

  #write(sending: Sending, now: number): void {
    sending.number = this.#watch?.wrote(now) ?? 0
    if (this.#wire.nodeOf) sending.nodes = sending.commands.map(this.#wire.nodeOf)
    sending.written = this.#written.add(sending)
    // With nothing else under way it is written at once, and there is nothing to take back.
    const alone =
      this.#written.size === 1 && sending.commands.length === 1 && this.#wire.writesAtOnce
    this.#wire.write(
      sending.commands,
      sending.settle,
      () => (alone ? undefined : sending.signal),
      sending.isOpen,
    )
  }

  #writeWaiting(): void {
    const dead = this.#wire.ended()
    for (const sending of [...this.#waiting]) {
      if (dead !== undefined) sending.fail((command) => unsent(command, dead))
      else if (this.#isReady()) {
        this.#waiting.delete(sending)
        this.#write(sending, performance.now())
      }
    }
  }

  #connected(): void {
    this.#trouble = undefined
    this.#watch?.connected()
    this.#writeWaiting()
  }

  #roleChanged(): void {
    if (!this.#watch?.staysReplica('')) return this.#writeWaiting()
    for (const sending of [...this.#waiting]) sending.fail(readOnly)
  }

  #lose(): void {
    for (const sending of this.#written) sending.fail((command) => lost(command, this.#trouble))
    if (this.#wire.ended() !== undefined) this.#writeWaiting()
  }
}

interface SendingInit {
  readonly commands: readonly Command[]
  /** By `performance.now()`. */
  readonly started: number
  readonly watch: ServerWatch | undefined
  readonly onSettle: Settle | undefined
  readonly done: (replies: readonly (Reply | CacheError)[]) => void
}

/** One send: its replies as they come. */
class Sending {
  readonly commands: readonly Command[]
  /** Once it is: its handle among those that are. */
  written: Handle<Sending> | undefined
  /** The watch's number of its write. */
  number = 0
  /** Where each command went, on a Cluster. */
  nodes: readonly string[] | undefined
  readonly #init: SendingInit
  readonly #replies: (Reply | CacheError)[]
  #controller: AbortController | undefined
  #open: number

  constructor(init: SendingInit) {
    this.commands = init.commands
    this.#init = init
    this.#replies = new Array<Reply | CacheError>(init.commands.length)
    this.#open = init.commands.length
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      // one for each command, and for each time it is sent on
      setMaxListeners(0, this.#controller.signal)
    }
    return this.#controller.signal
  }

  readonly isOpen = (place: number): boolean => this.#replies[place] === undefined

  /** What the client answers; what comes after the deadline is still a sign of life. */
  readonly settle = (place: number, reply: Reply | CacheError): void => {
    const { watch, started } = this.#init
    const wasOpen = this.isOpen(place)
    this.#settle(place, reply)
    if (!watch) return
    const node = this.nodes?.[place] ?? ''
    if (!(reply instanceof Error)) watch.heard(node)
    else if (reply instanceof ServerError) {
      watch.heard(node)
      if (isWrongServer(reply)) watch.refused(node, reply)
      // the client gave up before the link did
    } else if (wasOpen) watch.unanswered(node, started, this.number)
  }

  /** What has no reply by now gets none. */
  fail(error: (command: Command) => CacheError): void {
    this.#controller?.abort()
    for (const [place, command] of this.commands.entries()) this.#settle(place, error(command))
  }

  /** Tells the watch which nodes left something unanswered. */
  tellUnanswered({ nodeOf }: Wire, watch: ServerWatch): void {
    const written = this.written ? this.number : undefined
    for (const [place, command] of this.commands.entries()) {
      if (this.isOpen(place))
        watch.unanswered(
          this.nodes?.[place] ?? nodeOf?.(command) ?? '',
          this.#init.started,
          written,
        )
    }
  }

  #settle(place: number, reply: Reply | CacheError): void {
    if (!this.isOpen(place)) return
    this.#replies[place] = reply
    this.#init.onSettle?.(place, reply)
    this.#open--
    if (this.#open === 0) this.#init.done(this.#replies)
  }
}

/**
 * The server can't do it, and another one can: its role has changed, it does not know us, or it has
 * no data yet.
 */
function isWrongServer({ code }: ServerError): boolean {
  return WRONG_SERVER.has(code)
}

const WRONG_SERVER = new Set(['READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'LOADING', 'NOAUTH'])
/** Ms that a server may take to answer, where the driver has no timeout of its own. */
const USUAL_TIMEOUT = 1_000

function unsent(command: Command, why: string): CacheError {
  return new ConnectionError(`${described(command)} was not sent: ${why}.`, {
    code: 'CLOSED',
    command: nameOf(command),
    key: command.keys[0],
  })
}

function readOnly(command: Command): CacheError {
  const about = { command: nameOf(command), key: command.keys[0] }
  return ServerError.fromReply(
    'READONLY The server is a replica, and so is the one that a new connection leads to.',
    about,
  )
}

function lost(command: Command, cause: Error | undefined): CacheError {
  const why = cause && cause.message !== '' ? `: ${cause.message}` : ''
  return new ConnectionError(
    `${described(command)} got no reply, the connection was lost${why}. It may or may not have been executed. Check that Redis is up and reachable.`,
    {
      command: nameOf(command),
      key: command.keys[0],
      cause,
    },
  )
}

function unreached(command: Command, timeout: number, cause: Error | undefined): CacheError {
  const why = cause && cause.message !== '' ? `: ${cause.message}` : ''
  return new ConnectionError(
    `${described(command)} was not sent: there was no connection to Redis within ${Math.round(timeout)} ms${why}. Check that the server is up, reachable, and takes the password.`,
    {
      command: nameOf(command),
      key: command.keys[0],
      cause,
    },
  )
}

function tooLate(command: Command, timeout: number): CacheError {
  return new CommandTimeoutError(
    `${described(command)} got no reply within ${Math.round(timeout)} ms. It may or may not have been executed. Check that Redis answers, or allow more time.`,
    {
      command: nameOf(command),
      key: command.keys[0],
    },
  )
}
