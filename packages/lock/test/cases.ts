import { createCacheClient, type CacheClient, type ClientOptions, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { shardedDriver } from '@cache/sharding'
import { matrix, type DriverFactories, type MatrixOptions } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'

const drivers: DriverFactories<Driver> = {
  ioredis: (raw) => ioredisDriver(raw),
  'node-redis': (raw) => nodeRedisDriver(raw),
  sharded: ([a, b, c]) => shardedDriver({ shards: { a: ioredisDriver(a), b: nodeRedisDriver(b), c: ioredisDriver(c) } }),
}

export interface Bench {
  /** A client of its own, with a connection of its own: another process, as far as Redis can tell. */
  newClient(options?: ClientOptions): CacheClient
  /** What `redis-cli` would answer. */
  ask(...args: [command: string, key: string, ...rest: string[]]): Promise<unknown>
  /** All keys there are, sorted. */
  keys(): Promise<string[]>
}

/** Runs a suite on every driver and topology, on servers that are emptied before each test. */
export function onEach(suite: (bench: Bench) => void, options?: MatrixOptions): void {
  describe.each(matrix(drivers, options))('$name', (it) => {
    let running: Awaited<ReturnType<typeof it.start>>
    const clients: CacheClient[] = []
    let asking: CacheClient | undefined
    const newClient = (options: ClientOptions = {}): CacheClient => {
      const client = createCacheClient(running.driver(), { namespace: 'shop', ...options })
      clients.push(client)
      return client
    }
    beforeAll(async () => { running = await it.start() })
    beforeEach(() => running.flush())
    afterAll(async () => {
      await Promise.all(clients.map((client) => client.close()))
      await running.stop()
    })
    const keys = async (): Promise<string[]> => {
      const pages = await Promise.all((await (asking ??= newClient()).driver.nodes()).map((node) => node.send([{ args: ['KEYS', '*'], keys: [] }])))
      return (pages.flat(2) as string[]).sort()
    }
    suite({ newClient, keys, ask: (...args) => (asking ??= newClient()).send({ args, keys: args[0] === 'EVAL' ? [args[3]!] : [args[1]!] }) })
  })
}
