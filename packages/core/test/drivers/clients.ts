import type { Address, RedisSentinel } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster, createSentinel } from 'redis'
import type { Command, Driver, Reply } from '../../src/index.js'
import { CacheError } from '../../src/index.js'
import type { DriverOptions } from '../../src/drivers/driver.js'
import { ioredisDriver } from '../../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../../src/drivers/node-redis/driver.js'

/** A driver with a separate client. */
export interface Made extends AsyncDisposable {
  readonly driver: Driver
}

export interface Flavour {
  readonly name: string
  standalone(url: string, options?: DriverOptions): Made
  cluster(nodes: readonly Address[]): Made
  sentinel(sentinel: RedisSentinel): Made
}

const ioredis: Flavour = {
  name: 'ioredis',
  standalone: (url, options) => ofIoredis(new Redis(url), options),
  cluster: (nodes) =>
    ofIoredis(
      new Cluster(
        nodes.map(({ host, port }) => ({ host, port })),
        { slotsRefreshTimeout: 1_000, clusterRetryStrategy: () => 50 },
      ),
    ),
  sentinel: ({ addresses, name }) =>
    ofIoredis(
      new Redis({
        sentinels: addresses.map(({ host, port }) => ({ host, port })),
        name,
        sentinelRetryStrategy: () => 50,
      }),
    ),
}

const nodeRedis: Flavour = {
  name: 'node-redis',
  standalone: (url, options) => ofNodeRedis(createClient({ url }), options),
  cluster: (nodes) =>
    ofNodeRedis(
      createCluster({ rootNodes: nodes.map(({ host, port }) => ({ socket: { host, port } })) }),
    ),
  sentinel: ({ addresses, name }) =>
    ofNodeRedis(
      createSentinel({
        name,
        sentinelRootNodes: addresses.map(({ host, port }) => ({ host, port })),
        // Much longer than a scan takes on a busy machine: the client sends nothing meanwhile.
        scanInterval: 1_000,
      }),
    ),
}

export const flavours: readonly Flavour[] = [ioredis, nodeRedis]

function ofIoredis(client: Redis | Cluster, options?: DriverOptions): Made {
  const driver = ioredisDriver(client, options)
  return {
    driver,
    async [Symbol.asyncDispose]() {
      await driver.close()
      client.disconnect()
    },
  }
}

function ofNodeRedis(
  client: Parameters<typeof nodeRedisDriver>[0] & { destroy(): unknown },
  options?: DriverOptions,
): Made {
  const driver = nodeRedisDriver(client, options)
  return {
    driver,
    async [Symbol.asyncDispose]() {
      await driver.close()
      try {
        await client.destroy()
      } catch {
        /* it was never connected */
      }
    },
  }
}

export function on(key: string, ...args: [string, ...(string | Buffer)[]]): Command {
  return { args, keys: [key] }
}

/** Sends one command, and returns the reply or the error. */
export async function answer(
  driver: Driver,
  command: Command,
  timeout = 5_000,
): Promise<Reply | CacheError> {
  const [reply] = await Promise.all(driver.send([command], { timeout }))
  return reply!
}

/** Waits until a command is answered again. */
export async function recovered(driver: Driver, key = 'recovered'): Promise<void> {
  const until = performance.now() + 20_000
  for (;;) {
    const reply = await answer(driver, on(key, 'ECHO', 'on'), 500)
    if (!(reply instanceof CacheError)) return
    if (performance.now() > until) throw reply
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
