import { setMaxListeners } from 'node:events'
import { ServerError, type CacheError } from '../../errors.js'
import type { Handle } from '../../util/swap-list.js'
import type { Settle } from '../driver.js'
import type { Command, Reply } from '../command.js'
import type { ClientAdapter } from './client-adapter.js'
import type { ServerWatch } from './server-watch.js'

/** What a `PendingSend` is made from. */
export interface PendingSendOptions {
  readonly commands: readonly Command[]
  /** When the send was requested, by `performance.now()`. */
  readonly started: number
  readonly watch: ServerWatch | undefined
  readonly onSettle: Settle | undefined
  readonly done: (replies: readonly (Reply | CacheError)[]) => void
}

/** The commands of one send, and the replies that have arrived so far. */
export class PendingSend {
  readonly commands: readonly Command[]
  /** The handle in the list of written sends; `undefined` until it is written. */
  written: Handle<PendingSend> | undefined
  /** The sequence number of the write, see `ServerWatch.recordWrite`. */
  sequence = 0
  /** On a Cluster: the node that each command was sent to. */
  nodes: readonly string[] | undefined
  readonly #options: PendingSendOptions
  readonly #replies: (Reply | CacheError)[]
  #controller: AbortController | undefined
  #pendingCount: number

  constructor(options: PendingSendOptions) {
    this.commands = options.commands
    this.#options = options
    this.#replies = new Array<Reply | CacheError>(options.commands.length)
    this.#pendingCount = options.commands.length
  }

  /** Aborts when nobody waits for unwritten commands any more. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      // There is one listener for each command, and for each time that it is redirected.
      setMaxListeners(0, this.#controller.signal)
    }
    return this.#controller.signal
  }

  readonly isPending = (index: number): boolean => this.#replies[index] === undefined

  /** Handles a reply of the client. A reply after the deadline is still a sign of life. */
  readonly settle = (index: number, reply: Reply | CacheError): void => {
    const { watch, started } = this.#options
    const wasPending = this.isPending(index)
    this.#settle(index, reply)
    if (!watch) return
    const node = this.nodes?.[index] ?? ''
    if (!(reply instanceof Error)) watch.recordReply(node)
    else if (reply instanceof ServerError) {
      watch.recordReply(node)
      if (WRONG_SERVER.has(reply.code)) watch.recordRefusal(node, reply)
      // The client gave up before the deadline.
    } else if (wasPending) watch.recordTimeout(node, started, this.sequence)
  }

  /** Settles all commands without a reply with an error. */
  fail(error: (command: Command) => CacheError): void {
    this.#controller?.abort()
    for (const [index, command] of this.commands.entries()) this.#settle(index, error(command))
  }

  /** Reports the nodes that left commands unanswered to the watch. */
  reportUnanswered({ nodeOf }: ClientAdapter, watch: ServerWatch): void {
    const sequence = this.written ? this.sequence : undefined
    for (const [index, command] of this.commands.entries()) {
      if (!this.isPending(index)) continue
      const node = this.nodes?.[index] ?? nodeOf?.(command) ?? ''
      watch.recordTimeout(node, this.#options.started, sequence)
    }
  }

  #settle(index: number, reply: Reply | CacheError): void {
    if (!this.isPending(index)) return
    this.#replies[index] = reply
    this.#options.onSettle?.(index, reply)
    this.#pendingCount--
    if (this.#pendingCount === 0) this.#options.done(this.#replies)
  }
}

/**
 * Errors of a server that cannot execute a command that another one can: its role has changed, it
 * does not know the user, or it has not loaded its data yet.
 */
const WRONG_SERVER = new Set(['READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'LOADING', 'NOAUTH'])
