import {
  createCacheClient,
  InvalidOptionError,
  type CacheClient,
  type Connection,
  type Reply,
} from '@cache/core'
import {
  customOption,
  durationOption,
  numberOption,
  readGroup,
  required,
  type EntryStore,
} from '@cache/core/internal'

interface Durability {
  readonly replicas: number
  /** Milliseconds. */
  readonly timeout: number
}

/** Fewer replicas than required have confirmed a write. */
export interface Shortfall {
  readonly confirmed: number
  readonly required: number
  readonly cause?: unknown
}

interface DedicatedConnection {
  readonly client: CacheClient
  readonly connection: Connection
  readonly entries: EntryStore
}

/** The option `durability`. The result is `undefined` if it is not set. */
export const durabilityOption = customOption((value, path): Durability | undefined =>
  value === undefined ? undefined : readGroup(durabilityOptions, value, path),
)

const durabilityOptions = {
  replicas: numberOption({ min: 1, integer: true }, required),
  timeout: durationOption('1s'),
}

/**
 * Returns the connection for the option `durability`, or `undefined` if the option is not set.
 *
 * @throws {InvalidOptionError} if the driver can't open a dedicated connection.
 */
export function durableConnection(
  client: CacheClient,
  durability: Durability | undefined,
): DurableConnection | undefined {
  if (!durability) return undefined
  if (client.driver.dedicates === false)
    throw new InvalidOptionError(
      'durability',
      'unset with this Redis client: WAIT needs a dedicated connection, ' +
        'and the client cannot open one. Use redis 6 or ioredis',
      durability,
    )
  return new DurableConnection(client, durability)
}

/**
 * A dedicated connection that executes writes and confirms them with WAIT. It is dedicated because
 * WAIT blocks all other commands on its connection.
 *
 * WAIT counts the replicas that have the last write of its own connection. On a connection that was
 * opened after the write, it would count replicas that never received the write. `confirm`
 * therefore reads the connection's id before and after WAIT, and looks for the write in its
 * session.
 *
 * Source: https://redis.io/docs/latest/commands/wait/
 */
export class DurableConnection {
  readonly #client: CacheClient
  readonly #durability: Durability
  #dedicated: Promise<DedicatedConnection> | undefined

  constructor(client: CacheClient, durability: Durability) {
    this.#client = client
    this.#durability = durability
  }

  /** Returns an entry store that uses this connection. Near caches are informed of its changes. */
  async entries(): Promise<EntryStore> {
    return (await this.#connected()).entries
  }

  /**
   * Waits until enough replicas have the writes of an attempt of a session. Resolves to the
   * shortfall if too few confirm them in time.
   */
  async confirm(session: string, attempt: number): Promise<Shortfall | undefined> {
    const { replicas, timeout } = this.#durability
    const send = async (...args: [string, ...string[]]): Promise<Reply> =>
      (await this.#connected()).client.send({ args, keys: [session] }, { timeout: timeout + 1_000 })
    try {
      const [idBefore, confirmed, isStored, idAfter] = await Promise.all([
        send('CLIENT', 'ID'),
        send('WAIT', String(replicas), String(timeout)),
        send('HEXISTS', session, String(attempt)),
        send('CLIENT', 'ID'),
      ])
      const count = idBefore === idAfter && isStored === 1 ? Number(confirmed) : 0
      return count < replicas ? { confirmed: count, required: replicas } : undefined
    } catch (cause) {
      return { confirmed: 0, required: replicas, cause }
    }
  }

  async close(): Promise<void> {
    const dedicated = await this.#dedicated?.catch(() => undefined)
    await dedicated?.connection.close()
  }

  #connected(): Promise<DedicatedConnection> {
    return (this.#dedicated ??= this.#connect())
  }

  async #connect(): Promise<DedicatedConnection> {
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
      this.#dedicated = undefined
      throw error
    }
  }
}
