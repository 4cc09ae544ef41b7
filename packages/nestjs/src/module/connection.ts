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

/** Opens a cache client, and closes what it has opened when the application shuts down. */
export class CacheConnection implements OnApplicationShutdown {
  readonly #options: CacheConnectionOptions
  #opened: OpenedClient | undefined
  #closed: Promise<void> | undefined

  constructor(options: CacheConnectionOptions) {
    this.#options = options
  }

  /**
   * Creates the client. It does not wait for Redis, so that an application starts while Redis is
   * down.
   *
   * @throws {InvalidOptionError} naming the option.
   */
  async open(): Promise<CacheClient> {
    this.#opened = await openClient(this.#options)
    ClientScope.of(this.#opened.client).retain()
    return this.#opened.client
  }

  /**
   * Waits for refreshes in the background, and closes what the module has opened. NestJS calls it
   * when HTTP servers have finished their requests.
   */
  onApplicationShutdown(): Promise<void> {
    return (this.#closed ??= this.#close())
  }

  async #close(): Promise<void> {
    if (!this.#opened) return
    await ClientScope.of(this.#opened.client).release()
    await this.#opened.close?.()
  }
}

interface OpenedClient {
  readonly client: CacheClient
  /** Closes the client. Undefined for a client that was passed in. */
  close?(): Promise<void>
}

async function openClient(options: CacheConnectionOptions): Promise<OpenedClient> {
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
    return { client }
  }
  if (driver !== undefined) return ownClient(driver, clientOptions)
  if (redis !== undefined) return ownClient(driverOf(redis, 'redis'), clientOptions)
  const opened = await requireFunction('connect', connect)!()
  try {
    return ownClient(driverOf(opened, 'connect'), clientOptions, () => disconnect(opened))
  } catch (error) {
    disconnect(opened)
    throw error
  }
}

function ownClient(driver: Driver, options: ClientOptions, closed?: () => void): OpenedClient {
  const client = createCacheClient(driver, options)
  return { client, close: () => client.close().then(closed) }
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
