import { createCacheClient, type Argument, type CacheClient, type Connection, type Script } from '@cache/core'
import { DurabilityError } from './errors.js'

export interface Durability {
  readonly replicas: number
  /** Ms. */
  readonly timeout: number
}

/**
 * Runs scripts on a connection of its own, and waits there until as many replicas have what they wrote: WAIT holds up whatever
 * else is on its connection.
 *
 * Source: https://redis.io/docs/latest/commands/wait/
 */
export class Durable {
  readonly #client: CacheClient
  readonly #durability: Durability
  #own: Promise<{ readonly client: CacheClient; readonly connection: Connection }> | undefined

  constructor(client: CacheClient, durability: Durability) {
    this.#client = client
    this.#durability = durability
  }

  /** @throws {DurabilityError} */
  async run<R>(script: Script<R>, keys: readonly string[], args: readonly Argument[], wrote: (reply: R) => boolean): Promise<R> {
    const { replicas, timeout } = this.#durability
    const { client } = await (this.#own ??= this.#connect())
    const reply = await client.run(script, keys, args)
    if (!wrote(reply)) return reply
    const confirmed = await client.send({ args: ['WAIT', String(replicas), String(timeout)], keys: [keys[0]!] }, { timeout: timeout + 1_000 }).catch((cause: unknown) => {
      throw new DurabilityError(keys[0]!, 0, replicas, cause)
    })
    if (Number(confirmed) < replicas) throw new DurabilityError(keys[0]!, Number(confirmed), replicas)
    return reply
  }

  async close(): Promise<void> {
    const own = await this.#own?.catch(() => undefined)
    await own?.connection.close()
  }

  async #connect(): Promise<{ readonly client: CacheClient; readonly connection: Connection }> {
    const { driver, namespace } = this.#client
    try {
      const connection = await driver.dedicate()
      const client = createCacheClient({
        name: driver.name,
        topology: driver.topology,
        send: (commands, options) => connection.send(commands, options),
        group: (keys) => driver.group(keys),
        dedicate: () => driver.dedicate(),
        subscribe: (channels, on, options) => driver.subscribe(channels, on, options),
        nodes: () => driver.nodes(),
        close: () => connection.close(),
      }, namespace === '' ? {} : { namespace })
      return { client, connection }
    } catch (error) {
      this.#own = undefined
      throw error
    }
  }
}
