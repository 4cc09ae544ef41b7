import { createCacheClient, type Argument, type CacheClient, type Connection, type Reply, type Script } from '@cache/core'
import { DurabilityError } from './errors.js'

export interface Durability {
  readonly replicas: number
  /** Ms. */
  readonly timeout: number
}

/**
 * Runs the script of a write on a connection of its own, and waits there until as many replicas have it: WAIT holds up whatever else is on
 * its connection.
 *
 * WAIT counts by what was last done on its connection; on one that came after the write it would count replicas that have heard of
 * nothing. So the connection says its id before and after, which sets what WAIT counts by, and the write's trace is looked for.
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

  /** `trace`: a key in the slot of the others that the script leaves behind with what it writes. @throws {DurabilityError} */
  async run<R>(script: Script<R>, keys: readonly string[], trace: string, args: readonly Argument[], wrote: (reply: R) => boolean): Promise<R> {
    const { client } = await (this.#own ??= this.#connect())
    const reply = await client.run(script, [...keys, trace], args)
    if (wrote(reply)) await this.#confirm(client, keys[0]!, trace)
    return reply
  }

  async close(): Promise<void> {
    const own = await this.#own?.catch(() => undefined)
    await own?.connection.close()
  }

  async #confirm(client: CacheClient, key: string, trace: string): Promise<void> {
    const { replicas, timeout } = this.#durability
    const ask = (...args: [string, ...string[]]): Promise<Reply> => client.send({ args, keys: [trace] }, { timeout: timeout + 1_000 })
    const asked = Promise.all([ask('CLIENT', 'ID'), ask('WAIT', String(replicas), String(timeout)), ask('EXISTS', trace), ask('CLIENT', 'ID')])
    const [before, confirmed, isThere, after] = await asked.catch((cause: unknown) => {
      throw new DurabilityError(key, 0, replicas, cause)
    })
    const count = before === after && isThere === 1 ? Number(confirmed) : 0
    if (count < replicas) throw new DurabilityError(key, count, replicas)
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
