import { setMaxListeners } from 'node:events'
import { ServerError, type CacheError } from '../../errors.js'
import type { Handle } from '../../util/swap-list.js'
import type { CommandResult } from '../driver.js'
import type { Command } from '../command.js'
import type { ClientAdapter, Settle } from './client-adapter.js'
import type { ServerWatch } from './server-watch.js'

/** What a `PendingSend` is made from. */
export interface PendingSendOptions {
  readonly commands: readonly Command[]
  /** When the send was requested, by `performance.now()`. */
  readonly started: number
  /** Milliseconds from then until the commands fail; `undefined` if they have no deadline. */
  readonly timeout: number | undefined
  readonly watch: ServerWatch | undefined
  /** Called when every command has a result. */
  readonly done: () => void
}

/** The commands of one send, and the promises of their results. */
export class PendingSend {
  readonly commands: readonly Command[]
  readonly results: readonly Promise<CommandResult>[]
  /** The handle in the list of written sends; `undefined` until it is written. */
  written: Handle<PendingSend> | undefined
  /** The sequence number of the write, see `ServerWatch.recordWrite`. */
  sequence = 0
  /** On a Cluster: the node that each command was sent to. */
  nodes: readonly string[] | undefined
  readonly #options: PendingSendOptions
  /** The functions that settle the promises; `undefined` once a promise is settled. */
  readonly #resolvers: (((result: CommandResult) => void) | undefined)[] = []
  #controller: AbortController | undefined
  #pendingCount: number

  constructor(options: PendingSendOptions) {
    this.commands = options.commands
    this.#options = options
    this.#pendingCount = options.commands.length
    this.results = options.commands.map(
      () => new Promise<CommandResult>((resolve) => this.#resolvers.push(resolve)),
    )
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

  /** Returns the milliseconds until the commands fail, at least 1. */
  remaining(now: number): number | undefined {
    const { started, timeout } = this.#options
    return timeout === undefined ? undefined : Math.max(1, Math.ceil(started + timeout - now))
  }

  readonly isPending = (index: number): boolean => this.#resolvers[index] !== undefined

  /** Handles a reply of the client. A reply after the deadline is still a sign of life. */
  readonly settle: Settle = (index, reply) => {
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

  #settle(index: number, result: CommandResult): void {
    const resolve = this.#resolvers[index]
    if (!resolve) return
    this.#resolvers[index] = undefined
    resolve(result)
    this.#pendingCount--
    if (this.#pendingCount === 0) this.#options.done()
  }
}

/**
 * Errors of a server that cannot execute a command that another one can: its role has changed, it
 * does not know the user, or it has not loaded its data yet.
 */
const WRONG_SERVER = new Set(['READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'LOADING', 'NOAUTH'])
