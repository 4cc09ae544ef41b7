import { findBinary } from './binary.js'
import { dockerRuns } from './docker-runs.js'
import { installRedis } from './install-redis.js'

export type RedisSource = { readonly kind: 'url'; readonly url: string } | OwnRedisSource

export type OwnRedisSource =
  | { readonly kind: 'binary'; readonly path: string }
  | { readonly kind: 'docker'; readonly image: string }

export interface FindOptions {
  /** Where `REDIS_URL`, `REDIS_SERVER` and `PATH` are read; `process.env` where it is missing. */
  readonly env?: NodeJS.ProcessEnv
  /** `false` leaves Docker out. */
  readonly docker?: boolean
}

/**
 * A real Redis, from the first of: `REDIS_URL`; the binary that `REDIS_SERVER` names;
 * `redis-server` or `valkey-server` on the PATH; Docker; the system's package manager, which then
 * installs one and says so on stderr before it does, but only as root or with
 * `CACHE_TESTKIT_INSTALL=1`. Worth calling once before tests that run in parallel.
 *
 * @throws {Error} that names the ways to get one, when there is none.
 * @example
 * const source = await findRedis()
 * if (source.kind === 'binary') console.log(source.path)
 */
export async function findRedis(options: FindOptions = {}): Promise<RedisSource> {
  const { REDIS_URL: url } = options.env ?? process.env
  return url ? { kind: 'url', url } : findOwnRedis(options)
}

/**
 * As `findRedis`, but only what servers of one's own can be started with: `REDIS_URL` does not
 * count.
 */
export async function findOwnRedis({
  env = process.env,
  docker = true,
}: FindOptions = {}): Promise<OwnRedisSource> {
  const present = findBinary(env)
  if (present !== undefined) return { kind: 'binary', path: present }
  if (docker && (await dockerRuns(env)))
    return { kind: 'docker', image: env.REDIS_IMAGE || DEFAULT_IMAGE }
  const installed = await installRedis(env)
  if (installed !== undefined) return { kind: 'binary', path: installed }
  throw new Error(NONE)
}

const DEFAULT_IMAGE = 'redis:7-alpine'

const NONE = `No Redis found. Any of these helps:
  - install redis-server or valkey-server, so that it is on the PATH, or name a binary in REDIS_SERVER
  - let the tests install one: npm test -- --install (or CACHE_TESTKIT_INSTALL=1)
  - start Docker
  - name a server you have in REDIS_URL (enough for tests that need no server of their own)`
