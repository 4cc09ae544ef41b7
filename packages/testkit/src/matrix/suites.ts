import { afterAll, beforeAll, beforeEach, describe } from 'vitest'
import type { RedisServer } from '@cache/testing'
import { matrix, type DriverFactories, type MatrixOptions } from './matrix.js'
import type { Stage } from './stage.js'
import type { Topology } from './deployments.js'

/** The servers and helpers of a suite, in each of its cases. */
export interface Bench<Client, Options> {
  readonly topology: Topology
  /** The servers that hold keys. In memory, reading it throws. */
  readonly servers: readonly RedisServer[]
  /**
   * Creates a client with its own connection. To Redis, it looks like another process. It is closed
   * when the suite has ended.
   */
  newClient(options?: Options): Client
  /** Sends a command with one key and returns the reply. For EVAL, it uses the first key. */
  ask(...args: [command: string, key: string, ...rest: string[]]): Promise<unknown>
  /** Returns all keys, sorted. */
  keys(): Promise<string[]>
  /** Deletes all keys, on all primaries. */
  flush(): Promise<void>
}

interface Command {
  readonly args: readonly [name: string, ...arguments_: string[]]
  readonly keys: readonly string[]
}

interface DriverOfNodes {
  nodes(): Promise<readonly { send(commands: readonly Command[]): readonly Promise<unknown>[] }[]>
}

interface Connected {
  readonly driver: DriverOfNodes
  send(command: Command): Promise<unknown>
  close(): Promise<unknown>
}

export type OnEach<Client, Options> = (
  suite: (bench: Bench<Client, Options>) => void,
  options?: MatrixOptions,
) => void

/**
 * Returns a function that runs a suite in every case of the matrix. The servers are emptied before
 * each test.
 *
 * @example
 * const onEach = suitesOn(drivers, (driver, options?: ClientOptions) =>
 *   createCacheClient(driver, options))
 * onEach((bench) => it('…', async () => { createAside({ client: bench.newClient() }) }))
 */
export function suitesOn<Driver, Client extends Connected, Options>(
  drivers: DriverFactories<Driver>,
  createClient: (driver: Driver, options?: Options) => Client,
): OnEach<Client, Options> {
  return (suite, matrixOptions) => {
    describe.each(matrix(drivers, matrixOptions))('on $name', ({ start, topology }) => {
      let stage: Stage<Driver>
      const clients: Client[] = []
      let commandClient: Client | undefined
      const newClient = (options?: Options): Client => {
        const client = createClient(stage.driver(), options)
        clients.push(client)
        return client
      }
      beforeAll(async () => {
        stage = await start()
      })
      beforeEach(() => stage.flush())
      afterAll(async () => {
        await Promise.all(clients.map((client) => client.close()))
        await stage.stop()
      })
      suite({
        topology,
        get servers() {
          return stage.primaries
        },
        newClient,
        ask: (...args) =>
          (commandClient ??= newClient()).send({ args, keys: [args[args[0] === 'EVAL' ? 3 : 1]!] }),
        async keys() {
          const nodes = await (commandClient ??= newClient()).driver.nodes()
          const replies = await Promise.all(
            nodes.map((node) => Promise.all(node.send([{ args: ['KEYS', '*'], keys: [] }]))),
          )
          return (replies.flat(2) as string[]).sort()
        },
        flush: () => stage.flush(),
      })
    })
  }
}
