import { createCacheClient, type CacheClient, type Connection, type Reply } from '@cache/core'
import type { EntryStore } from '@cache/core/internal'
import { DurabilityError } from './errors.js'

export interface Durability {
  readonly replicas: number
  /** Ms. */
  readonly timeout: number
}

/**
 * A connection of its own on which writes are made and confirmed: WAIT holds up whatever else is on
 * its connection.
 *
 * WAIT counts by what was last done on its connection; on one that came after the write it would
 * count replicas that have heard of nothing. So the connection says its id before and after, which
 * sets what WAIT counts by, and the write is looked for in its session.
 *
 * Source: https://redis.io/docs/latest/commands/wait/
 */
export class Durable {
  readonly #client: CacheClient
  readonly #durability: Durability
  #own: Promise<OwnConnection> | undefined

  constructor(client: CacheClient, durability: Durability) {
    this.#client = client
    this.#durability = durability
  }

  /**
   * The entries as they are changed on this connection; what is kept of them in the process is
   * told.
   */
  async entries(): Promise<EntryStore> {
    return (await this.#connected()).entries
  }

  /**
   * Waits until as many replicas have what was written by an attempt of a session. @throws
   * {DurabilityError}
   */
  async confirm(key: string, session: string, attempt: number): Promise<void> {
    const { replicas, timeout } = this.#durability
    const ask = async (...args: [string, ...string[]]): Promise<Reply> =>
      (await this.#connected()).client.send({ args, keys: [session] }, { timeout: timeout + 1_000 })
    const asked = Promise.all([
      ask('CLIENT', 'ID'),
      ask('WAIT', String(replicas), String(timeout)),
      ask('HEXISTS', session, String(attempt)),
      ask('CLIENT', 'ID'),
    ])
    const [before, confirmed, isThere, after] = await asked.catch((cause: unknown) => {
      throw new DurabilityError(key, 0, replicas, cause)
    })
    const count = before === after && isThere === 1 ? Number(confirmed) : 0
    if (count < replicas) throw new DurabilityError(key, count, replicas)
  }

  async close(): Promise<void> {
    const own = await this.#own?.catch(() => undefined)
    await own?.connection.close()
  }

  #connected(): Promise<OwnConnection> {
    return (this.#own ??= this.#connect())
  }

  async #connect(): Promise<OwnConnection> {
    const {
      driver,
      namespace,
      entries: { near },
    } = this.#client
    try {
      const connection = await driver.dedicate()
      const client = createCacheClient(
        {
          name: driver.name,
          topology: driver.topology,
          send: (commands, options) => connection.send(commands, options),
          group: (keys) => driver.group(keys),
          dedicate: () => driver.dedicate(),
          subscribe: (channels, on, options) => driver.subscribe(channels, on, options),
          nodes: () => driver.nodes(),
          close: () => connection.close(),
        },
        namespace === '' ? {} : { namespace },
      )
      return { client, connection, entries: near ? client.entries.withNear(near) : client.entries }
    } catch (error) {
      this.#own = undefined
      throw error
    }
  }
}

interface OwnConnection {
  readonly client: CacheClient
  readonly connection: Connection
  readonly entries: EntryStore
}
