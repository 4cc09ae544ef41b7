import type { CommandResult } from '../driver.js'
import type { Command } from '../command.js'
import type { WatchedClient } from './watched-client.js'

/** Reports the result of the command at `index`. Only the first result counts. */
export type Settle = (index: number, result: CommandResult) => void

/** The parts of a Redis client that differ between the libraries. */
export interface ClientAdapter extends WatchedClient {
  /**
   * Returns whether a command that is written now is sent immediately, instead of being queued by
   * the client.
   */
  isReady(): boolean
  /** Returns the reason why nothing can ever be written again, or `undefined`. */
  ended(): string | undefined
  /** Connects the client if it was not connected yet. */
  connect(): void
  /** See `Driver.sinceResend`. */
  sinceResend?(): number
  /**
   * Listens to the client. `ready` is called when it may be ready again, `lost` when the connection
   * and the commands under way are lost, and `error` with each error. Returns a function that stops
   * listening.
   */
  watch(on: { ready(): void; lost(): void; error(error: unknown): void }): () => void
  /**
   * Writes the commands now, and settles each by its index. `signal` returns a signal that aborts
   * when nobody waits for unwritten commands any more. `isPending` returns whether somebody waits
   * for a command, and is called before the command is written again. `timeout` is the time in ms
   * until nobody waits for the commands; it is `undefined` if they have no deadline.
   */
  write(
    commands: readonly Command[],
    settle: Settle,
    signal: () => AbortSignal | undefined,
    isPending: (index: number) => boolean,
    timeout: number | undefined,
  ): void
  /**
   * Whether commands that are written while the client is ready go to the socket directly, without
   * a queue of the client.
   */
  readonly writesAtOnce: boolean
  /** Returns the server that a command goes to now. It is missing if there is only one server. */
  nodeOf?(command: Command): string
  /** See `Driver.groupReads`. */
  groupReads?(keys: readonly string[]): readonly (readonly string[])[]
  /** Closes the connections that the adapter opened itself. */
  close?(): void
}
