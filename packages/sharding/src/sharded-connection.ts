import {
  ConnectionError,
  type CacheError,
  type Command,
  type CommandResult,
  type Connection,
  type SendOptions,
} from '@cache/core'
import { sendThrough } from '@cache/core/internal'
import type { Router } from './router.js'
import type { Shard } from './shard.js'

/** A dedicated connection to each shard that it is used for. */
export class ShardedConnection implements Connection {
  readonly #router: Router
  readonly #onClose: () => void
  readonly #connections = new Map<Shard, Promise<Connection>>()
  #closed = false

  constructor(router: Router, onClose: () => void) {
    this.#router = router
    this.#onClose = onClose
  }

  send(commands: readonly Command[], options: SendOptions = {}): readonly Promise<CommandResult>[] {
    return this.#router.send(commands, options, (shard, batch, timeout) => {
      if (this.#closed) return batch.map((command) => Promise.resolve(closed(command)))
      const sent = this.open(shard).then((connection) => sendThrough(connection, batch, timeout))
      return batch.map((_, index) =>
        sent.then(
          (results) => results[index]!,
          (error: CacheError) => error,
        ),
      )
    })
  }

  /** Opens the connection to a shard, unless it is open already. */
  open(shard: Shard): Promise<Connection> {
    const existing = this.#connections.get(shard)
    if (existing) return existing
    const connection = (async () => shard.driver.dedicate())()
    this.#connections.set(shard, connection)
    connection.catch(() => {
      if (this.#connections.get(shard) === connection) this.#connections.delete(shard)
    })
    return connection
  }

  /** Ends the commands under way, because they may block on a shard that their key has left. */
  async restart(): Promise<void> {
    const connections = [...this.#connections.values()]
    this.#connections.clear()
    await Promise.all(
      connections.map(async (connection) => (await connection.catch(() => undefined))?.close()),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#onClose()
    await this.restart()
  }
}

function closed({ args, keys }: Command): ConnectionError {
  return new ConnectionError(`${args[0]} was not sent: the connection is closed.`, {
    code: 'CLOSED',
    command: args[0],
    key: keys[0],
  })
}
