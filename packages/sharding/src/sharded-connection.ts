import {
  ConnectionError,
  type CacheError,
  type Command,
  type Connection,
  type Reply,
  type SendOptions,
} from '@cache/core'
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

  async send(
    commands: readonly Command[],
    options: SendOptions = {},
  ): Promise<readonly (Reply | CacheError)[]> {
    return this.#router.send(commands, options, async (shard, batch, timeout, settle) => {
      const failAll = (error: CacheError): void => {
        for (const i of batch.keys()) settle(i, error)
      }
      if (this.#closed) return failAll(closed(batch[0]!))
      const connection = await this.open(shard).catch((error: CacheError) => failAll(error))
      const replies = await connection?.send(
        batch,
        timeout === undefined ? { settle } : { timeout, settle },
      )
      for (const [i, reply] of replies?.entries() ?? []) settle(i, reply)
    })
  }

  /** Opens the connection to a shard, unless it is open already. */
  open(shard: Shard): Promise<Connection> {
    const existing = this.#connections.get(shard)
    if (existing) return existing
    const connection = shard.driver.dedicate()
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
