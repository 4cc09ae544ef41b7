import type { CacheError, Command, Reply, Settle } from '@cache/core'
import type { Shard } from './shard.js'

/** Sends commands to one shard. Settles each command, and then resolves. */
export type SendTo = (
  shard: Shard,
  commands: readonly Command[],
  timeout: number | undefined,
  settle: Settle,
) => Promise<unknown>

/** One call of `send`: collects the replies of its commands as they arrive. */
export class PendingSend {
  readonly commands: readonly Command[]
  readonly sendTo: SendTo
  readonly #replies: (Reply | CacheError)[]
  readonly #onSettle: Settle | undefined
  readonly #onDone: (replies: readonly (Reply | CacheError)[]) => void
  #unsettled: number

  constructor(
    commands: readonly Command[],
    onSettle: Settle | undefined,
    sendTo: SendTo,
    onDone: (replies: readonly (Reply | CacheError)[]) => void,
  ) {
    this.commands = commands
    this.sendTo = sendTo
    this.#replies = new Array<Reply | CacheError>(commands.length)
    this.#unsettled = commands.length
    this.#onSettle = onSettle
    this.#onDone = onDone
  }

  /** Settles the command at an index. The first reply counts. */
  settle(index: number, reply: Reply | CacheError): void {
    if (this.#replies[index] !== undefined) return
    this.#replies[index] = reply
    this.#onSettle?.(index, reply)
    this.#unsettled--
    if (this.#unsettled === 0) this.#onDone(this.#replies)
  }

  /** Settles the commands at these indexes with errors. */
  settleAll(indexes: readonly number[], error: (command: Command) => CacheError): void {
    for (const index of indexes) this.settle(index, error(this.commands[index]!))
  }
}
