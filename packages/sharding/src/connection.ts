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

/** A connection of its own to each shard that it is used for. */
export class ShardedConnection implements Connection {
  readonly #router: Router
  readonly #onClose: () => void
  readonly #opened = new Map<Shard, Promise<Connection>>()
  #closed = false

  constructor(router: Router, onClose: () => void) {
    this.#router = router
    this.#onClose = onClose
  }

  async send(
    commands: readonly Command[],
    options: SendOptions = {},
  ): Promise<readonly (Reply | CacheError)[]> {
    return this.#router.send(commands, options, async (shard, some, timeout, settle) => {
      const fail = (error: CacheError): void => {
        for (const place of some.keys()) settle(place, error)
      }
      if (this.#closed)
        return fail(
          new ConnectionError(`${some[0]!.args[0]} was not sent: the connection is closed.`, {
            code: 'CLOSED',
            command: some[0]!.args[0],
            key: some[0]!.keys[0],
          }),
        )
      const connection = await this.open(shard).catch((error: CacheError) => fail(error))
      const replies = await connection?.send(
        some,
        timeout === undefined ? { settle } : { timeout, settle },
      )
      for (const [place, reply] of replies?.entries() ?? []) settle(place, reply)
    })
  }

  open(shard: Shard): Promise<Connection> {
    const known = this.#opened.get(shard)
    if (known) return known
    const connection = shard.driver.dedicate()
    this.#opened.set(shard, connection)
    connection.catch(() => {
      if (this.#opened.get(shard) === connection) this.#opened.delete(shard)
    })
    return connection
  }

  /** Ends what is under way: it waits in a place that its key has left. */
  async restart(): Promise<void> {
    const opened = [...this.#opened.values()]
    this.#opened.clear()
    await Promise.all(
      opened.map(async (connection) => (await connection.catch(() => undefined))?.close()),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#onClose()
    await this.restart()
  }
}
