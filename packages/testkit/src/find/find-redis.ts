import { findBinary } from './binary.js'
import { dockerRuns } from './docker-runs.js'
import { installRedis } from './install-redis.js'

export type RedisSource = { readonly kind: 'url'; readonly url: string } | OwnRedisSource

export type OwnRedisSource =
  | { readonly kind: 'binary'; readonly path: string }
  | { readonly kind: 'docker'; readonly image: string }

export interface FindOptions {
  /** Contains `REDIS_URL`, `REDIS_SERVER` and `PATH`. The default is `process.env`. */
  readonly env?: NodeJS.ProcessEnv
  /** `false` skips Docker. */
  readonly docker?: boolean
}

/**
 * Finds a real Redis. It takes the first of:
 *
 * 1. the server in `REDIS_URL`;
 * 2. the binary that `REDIS_SERVER` names;
 * 3. `redis-server` or `valkey-server` on the PATH;
 * 4. Docker;
 * 5. the system's package manager, which installs one after a notice on stderr. It does so only as
 *    root or with `CACHE_TESTKIT_INSTALL=1`.
 *
 * Call it once before tests that run in parallel.
 *
 * @throws {NoRedisError} when there is none.
 * @example
 * const source = await findRedis()
 * if (source.kind === 'binary') console.log(source.path)
 */
export async function findRedis(options: FindOptions = {}): Promise<RedisSource> {
  const { REDIS_URL: url } = options.env ?? process.env
  return url ? { kind: 'url', url } : findOwnRedis(options)
}

/** Like `findRedis`, but ignores `REDIS_URL`: the result can start new servers. */
export async function findOwnRedis({
  env = process.env,
  docker = true,
}: FindOptions = {}): Promise<OwnRedisSource> {
  const binary = findBinary(env)
  if (binary !== undefined) return { kind: 'binary', path: binary }
  if (docker && (await dockerRuns(env)))
    return { kind: 'docker', image: env.REDIS_IMAGE || DEFAULT_IMAGE }
  const installed = await installRedis(env)
  if (installed !== undefined) return { kind: 'binary', path: installed }
  throw new NoRedisError()
}

/** No Redis was found, and none could be installed. The message lists the ways to get one. */
export class NoRedisError extends Error {
  override name = 'NoRedisError'

  constructor() {
    super(NOT_FOUND)
  }
}

const DEFAULT_IMAGE = 'redis:7-alpine'

const NOT_FOUND = `No Redis found. Do one of the following:
  - install redis-server or valkey-server, so that it is on the PATH, or name it in REDIS_SERVER
  - let the tests install one: npm test -- --install (or CACHE_TESTKIT_INSTALL=1)
  - start Docker
  - set REDIS_URL to a server you have (enough for tests that do not start their own server)`
