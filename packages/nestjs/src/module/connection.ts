import {
  createCacheClient,
  InvalidOptionError,
  type CacheClient,
  type ClientOptions,
  type Driver,
} from '@cache/core'
import { ioredisDriver, type IoredisClient } from '@cache/core/ioredis'
import {
  nodeRedisDriver,
  type NodeRedisCluster,
  type NodeRedisSentinel,
  type NodeRedisStandalone,
} from '@cache/core/node-redis'
import { requireFunction } from '@cache/core/internal'
import type { OnApplicationShutdown } from '@nestjs/common'
import { ClientScope } from '../decorators/client-scope.js'

/** A client of ioredis or of node-redis: one server, Sentinel or Cluster. */
export type RedisClient = IoredisClient | NodeRedisStandalone | NodeRedisSentinel | NodeRedisCluster

/**
 * A client of `CacheModule`: exactly one of `connect`, `redis`, `driver` and `client`, and the
 * options of `createCacheClient`.
 */
export interface CacheConnectionOptions extends ClientOptions {
  /**
   * Returns a Redis client that the module owns: it is closed when the application shuts down.
   * `() => new Redis(url)`, or `() => createClient({ url })`.
   */
  readonly connect?: () => RedisClient | Promise<RedisClient>
  /** A Redis client of yours. The module leaves it open. */
  readonly redis?: RedisClient
  /** A driver, such as `memoryDriver()` or `shardedDriver(…)`. */
  readonly driver?: Driver
  /**
   * A cache client of yours. The module leaves it open, but releases the locks of `@WithLock`. The
   * options of `createCacheClient` can't be passed with it.
   */
  readonly client?: CacheClient
}

/** A cache client, with what has to be closed with it when the application shuts down. */
export class CacheConnection implements OnApplicationShutdown {
  readonly client: CacheClient
  readonly #close: () => Promise<void>
  readonly #scope: ClientScope
  #closed: Promise<void> | undefined

  constructor(client: CacheClient, close: () => Promise<void>) {
    this.client = client
    this.#close = close
    this.#scope = ClientScope.of(client)
    this.#scope.retain()
  }

  /**
   * Waits for refreshes in the background, and closes what the module has opened. NestJS calls it
   * when HTTP servers have finished their requests.
   */
  onApplicationShutdown(): Promise<void> {
    return (this.#closed ??= this.#scope.release().then(this.#close))
  }
}

/**
 * Creates the client of the options. It does not wait for Redis, so that an application starts
 * while Redis is down.
 *
 * @throws {InvalidOptionError} naming the option.
 */
export async function openConnection(options: CacheConnectionOptions): Promise<CacheConnection> {
  if (typeof options !== 'object' || options === null)
    throw new InvalidOptionError('CacheModule', 'an object of options', options)
  const { connect, redis, driver, client, ...clientOptions } = options
  const given = Object.entries({ connect, redis, driver, client })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name)
  if (given.length === 0) throw new InvalidOptionError('connect', `passed, or else ${OTHERS}`)
  if (given.length > 1)
    throw new InvalidOptionError(given[1]!, `left out, because there is "${given[0]!}"`)

  if (client !== undefined) {
    const [surplus] = Object.keys(clientOptions)
    if (surplus !== undefined)
      throw new InvalidOptionError(
        surplus,
        'passed to createCacheClient, because there is "client"',
      )
    return new CacheConnection(client, async () => undefined)
  }
  if (driver !== undefined) {
    const own = createCacheClient(driver, clientOptions)
    return new CacheConnection(own, () => own.close())
  }
  if (redis !== undefined) {
    const own = createCacheClient(driverOf(redis, 'redis'), clientOptions)
    return new CacheConnection(own, () => own.close())
  }
  const opened = await requireFunction('connect', connect)!()
  try {
    const own = createCacheClient(driverOf(opened, 'connect'), clientOptions)
    return new CacheConnection(own, async () => {
      await own.close()
      disconnect(opened)
    })
  } catch (error) {
    disconnect(opened)
    throw error
  }
}

function driverOf(redis: RedisClient, option: string): Driver {
  if (isIoredis(redis)) return ioredisDriver(redis)
  if (typeof (redis as Partial<NodeRedisStandalone> | undefined)?.sendCommand === 'function')
    return nodeRedisDriver(redis)
  const what = 'a client of ioredis or node-redis'
  throw new InvalidOptionError(
    option,
    option === 'connect' ? `a function that returns ${what}` : what,
  )
}

function isIoredis(redis: RedisClient): redis is IoredisClient {
  return typeof (redis as Partial<IoredisClient> | undefined)?.callBuffer === 'function'
}

/** Ends a connection at once. The cache client has finished its commands before. */
function disconnect(redis: RedisClient): void {
  try {
    if (isIoredis(redis)) redis.disconnect()
    else (redis as Partial<NodeRedisStandalone> | undefined)?.destroy?.()
  } catch {
    // node-redis throws if the connection is closed already.
  }
}

const OTHERS = '"redis", "driver" or "client"'
