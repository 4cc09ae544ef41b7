import { Deadlines, type Deadline } from '../../util/deadlines.js'
import { redactedError } from '../../util/redact.js'
import { SwapList, type Handle } from '../../util/swap-list.js'
import type { CommandResult, Connection, SendOptions } from '../driver.js'
import type { Command } from '../command.js'
import type { ClientAdapter } from './client-adapter.js'
import { PendingSend } from './pending-send.js'
import {
  closedError,
  connectionLostError,
  replicaError,
  timeoutError,
  unreachableError,
} from './send-errors.js'
import { ServerWatch } from './server-watch.js'

export interface ManagedConnectionOptions {
  /** The default deadline in ms. Without it, commands have no deadline by default. */
  readonly timeout?: number | undefined
  /** Whether connections that are silent or lead to a replica are replaced. Default: `true`. */
  readonly watched?: boolean
}

/**
 * Sends commands over one connection of a client, or one client of a Cluster, and guarantees that
 * every command settles.
 *
 * Each send has a deadline. It waits for the connection here, instead of in the offline queue of
 * the client, and fails as soon as the connection is lost. Replies and missing replies are reported
 * to a `ServerWatch`.
 */
export class ManagedConnection implements Connection {
  readonly #adapter: ClientAdapter
  readonly #timeout: number | undefined
  readonly #deadlines = new Deadlines({ forReplies: true })
  /** The sends that wait for a connection, in the order in which they were made. */
  readonly #waiting = new Set<PendingSend>()
  /** The sends that were written and are not settled. */
  readonly #written = new SwapList<PendingSend>()
  readonly #watch: ServerWatch | undefined
  readonly #stopListening: () => void
  #closed = false
  /** The last error of the client, redacted. */
  #lastError: Error | undefined

  constructor(adapter: ClientAdapter, { timeout, watched = true }: ManagedConnectionOptions = {}) {
    this.#adapter = adapter
    this.#timeout = timeout
    if (watched)
      this.#watch = new ServerWatch(adapter, timeout ?? DEFAULT_TIMEOUT, () => this.#roleChanged())
    this.#stopListening = adapter.watch({
      ready: () => this.#connected(),
      lost: () => this.#lost(),
      error: (error) => {
        this.#lastError = redactedError(error)
      },
    })
    adapter.connect()
  }

  send(
    commands: readonly Command[],
    { timeout = this.#timeout }: SendOptions = {},
  ): readonly Promise<CommandResult>[] {
    if (commands.length === 0) return []
    const endReason = this.#closed ? 'the driver is closed' : this.#adapter.ended()
    if (endReason !== undefined)
      return commands.map((command) => Promise.resolve(closedError(command, endReason)))
    if (this.#watch?.replicaAfterReconnect(''))
      return commands.map((command) => Promise.resolve(replicaError(command)))
    const now = performance.now()
    const pending = new PendingSend({
      commands,
      started: now,
      timeout,
      watch: this.#watch,
      done: () => {
        if (pending.written) this.#written.delete(pending.written)
        else this.#waiting.delete(pending)
        if (deadline) this.#deadlines.done(deadline)
      },
    })
    const deadline = timeout === undefined ? undefined : this.#setDeadline(pending, timeout, now)
    if (this.#isReady()) this.#write(pending, now)
    else {
      this.#waiting.add(pending)
      this.#adapter.connect()
    }
    return pending.results
  }

  /** Returns the milliseconds for which a node has been silent, see `ServerWatch`. */
  silentFor(node: string): number {
    return this.#watch?.silentFor(node) ?? 0
  }

  /** See `Driver.sinceResend`. */
  sinceResend(): number {
    return this.#adapter.sinceResend?.() ?? Infinity
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#watch?.close()
    this.#stopListening()
    for (const pending of [...this.#waiting])
      pending.fail((command) => closedError(command, 'the driver was closed'))
    for (const pending of this.#written)
      pending.fail((command) => connectionLostError(command, new Error('the driver was closed')))
    this.#adapter.close?.()
  }

  #setDeadline(pending: PendingSend, timeout: number, now: number): Handle<Deadline> {
    const expire = (): void => {
      if (this.#watch) pending.reportUnanswered(this.#adapter, this.#watch)
      if (pending.written) return pending.fail((command) => timeoutError(command, timeout))
      const cause = this.#watch?.isReplica('')
        ? new Error('the server is a replica')
        : this.#lastError
      pending.fail((command) => unreachableError(command, timeout, cause))
    }
    return this.#deadlines.set(timeout, expire, now)
  }

  #isReady(): boolean {
    return this.#adapter.isReady() && this.#watch?.isReplica('') !== true
  }

  #write(pending: PendingSend, now: number): void {
    pending.sequence = this.#watch?.recordWrite(now) ?? 0
    if (this.#adapter.nodeOf) pending.nodes = pending.commands.map(this.#adapter.nodeOf)
    pending.written = this.#written.add(pending)
    // If nothing else is under way, the command is written at once and never has to be taken back.
    const isAlone =
      this.#written.size === 1 && pending.commands.length === 1 && this.#adapter.writesAtOnce
    this.#adapter.write(
      pending.commands,
      pending.settle,
      () => (isAlone ? undefined : pending.signal),
      pending.isPending,
      pending.remaining(now),
    )
  }

  #writeWaiting(): void {
    const endReason = this.#adapter.ended()
    for (const pending of [...this.#waiting]) {
      if (endReason !== undefined) pending.fail((command) => closedError(command, endReason))
      else if (this.#isReady()) {
        this.#waiting.delete(pending)
        this.#write(pending, performance.now())
      }
    }
  }

  #connected(): void {
    this.#lastError = undefined
    this.#watch?.recordConnection()
    this.#writeWaiting()
  }

  #roleChanged(): void {
    if (!this.#watch?.replicaAfterReconnect('')) return this.#writeWaiting()
    for (const pending of [...this.#waiting]) pending.fail(replicaError)
  }

  #lost(): void {
    for (const pending of this.#written)
      pending.fail((command) => connectionLostError(command, this.#lastError))
    if (this.#adapter.ended() !== undefined) this.#writeWaiting()
  }
}

/** The time in ms that a server may take to answer if the driver has no timeout of its own. */
const DEFAULT_TIMEOUT = 1_000
