import { NoRedisError, findRedis, type FindOptions, type RedisSource } from '@cache/testing'
import { installRedis } from './install-redis.js'

/**
 * Finds a Redis as `findRedis` does. If there is none, it installs one with the system's package
 * manager, after a notice on stderr. It does so only as root or with `CACHE_TESTKIT_INSTALL=1`.
 * Call it once before tests that run in parallel.
 *
 * @throws {NoRedisError} when there is none. The message lists the ways to get one.
 */
export async function findOrInstallRedis(options: FindOptions = {}): Promise<RedisSource> {
  try {
    return await findRedis(options)
  } catch (error) {
    const path = await installRedis(options.env ?? process.env)
    if (path !== undefined) return { kind: 'binary', path }
    throw new NoRedisError(`${(error as Error).message}\n${PERMISSION}`, { cause: error })
  }
}

const PERMISSION =
  '  - let the tests of this repository install one: npm test -- --install ' +
  '(or CACHE_TESTKIT_INSTALL=1)'
