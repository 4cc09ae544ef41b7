import { findBinary } from './find/binary.js'
import { ownMachine } from './machine/own-machine.js'
import type { RedisOptions, RedisServer } from './redis-server.js'
import { launchServer } from './server.js'
import { borrowDatabase } from './shared-redis.js'

/**
 * Starts a Redis server on a free port of 127.0.0.1. It stores nothing on disk unless `aof` is on,
 * and dies with this process, even if the process is killed.
 *
 * If no server can be started and no option requires one, you get a database of `REDIS_URL`, as
 * with `shared: true`. Then `kill`, `pause`, `resume`, `restart`, `fill`, `empty` and `setClock`
 * throw.
 *
 * @throws {Error} when there is no Redis (see `findRedis`), with the server's output when it does
 * not start, and with `clock: true` when `canSetClock()` returns `false`.
 * @example
 * await using redis = await startRedis({ aof: 'always' })
 * await redis.cli('SET', 'key', 'value')
 */
export async function startRedis({
  shared = false,
  ...options
}: RedisOptions = {}): Promise<RedisServer> {
  const url = process.env.REDIS_URL
  if (url && (shared || (hasNoOptions(options) && findBinary(process.env) === undefined)))
    return borrowDatabase(url)
  return launchServer(await ownMachine(), options)
}

function hasNoOptions(options: RedisOptions): boolean {
  return Object.values(options).every((value) => value === undefined)
}
