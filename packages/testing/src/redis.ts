import { findBinary } from './find/binary.js'
import { ownMachine } from './machine/own-machine.js'
import {
  InvalidOptionError,
  checkConfig,
  checkNames,
  checkOneOf,
  checkWholeNumber,
} from './options.js'
import type { RedisOptions, RedisServer } from './redis-server.js'
import { launchServer } from './server.js'
import { borrowDatabase } from './shared-redis.js'

/**
 * Starts a real Redis server on a free port of 127.0.0.1. It stores nothing on disk unless `aof` is
 * on, and ends with this process, even if the process is killed.
 *
 * If no server can be started and no option requires one, you get a database of `REDIS_URL`, as
 * with `shared: true`. Then `kill`, `pause`, `resume`, `restart`, `fill`, `empty` and `setClock`
 * throw.
 *
 * @throws {InvalidOptionError} when an option is invalid.
 * @throws {Error} when there is no Redis (see `findRedis`), with the server's output when it does
 * not start, and with `clock: true` when `canSetClock()` returns `false`.
 * @example
 * await using redis = await startRedis({ aof: 'always' })
 * await redis.cli('SET', 'key', 'value')
 */
export async function startRedis(redisOptions: RedisOptions = {}): Promise<RedisServer> {
  checkOptions(redisOptions)
  const { shared = false, ...options } = redisOptions
  const url = process.env.REDIS_URL
  if (url && (shared || (hasNoOptions(options) && findBinary(process.env) === undefined)))
    return borrowDatabase(url)
  return launchServer(await ownMachine(), options)
}

function checkOptions(options: RedisOptions): void {
  checkNames(options, ['port', 'aof', 'config', 'password', 'clock', 'shared'])
  checkWholeNumber('port', options.port, { min: 1, max: 65_535 })
  checkOneOf('aof', options.aof, [true, false, 'always'])
  checkOneOf('clock', options.clock, [true, false])
  checkOneOf('shared', options.shared, [true, false])
  if (options.password !== undefined && typeof options.password !== 'string')
    throw new InvalidOptionError('password', 'a string', options.password)
  checkConfig(options.config)
}

function hasNoOptions(options: RedisOptions): boolean {
  return Object.values(options).every((value) => value === undefined)
}
