import { findBinary } from './find/binary.js'
import { ownMachine } from './machine/own-machine.js'
import type { RedisOptions, RedisServer } from './redis-server.js'
import { launchServer } from './server.js'
import { borrowDatabase } from './shared-redis.js'

/**
 * A Redis of one's own on a free port of 127.0.0.1, with nothing on disk unless `aof` is on. It
 * dies with this process, also when that is killed. Where no server can be started and no option
 * needs one's own, a database of `REDIS_URL` takes its place, as with `shared: true`: then `kill`,
 * `pause`, `resume`, `restart`, `fill`, `empty` and `setClock` throw.
 *
 * @throws {Error} when there is no Redis (see `findRedis`), or with what the server said when it
 * does not come up;
 *   with `clock: true` also when this machine can not do that.
 * @example
 * await using redis = await startRedis({ aof: 'always' })
 * await redis.cli('SET', 'key', 'value')
 */
export async function startRedis({
  shared = false,
  ...options
}: RedisOptions = {}): Promise<RedisServer> {
  const url = process.env.REDIS_URL
  if (url && (shared || (isPlain(options) && findBinary(process.env) === undefined)))
    return borrowDatabase(url)
  return launchServer(await ownMachine(), options)
}

function isPlain(options: RedisOptions): boolean {
  return Object.values(options).every((value) => value === undefined)
}
