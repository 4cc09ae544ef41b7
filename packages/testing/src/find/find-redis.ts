import { findBinary } from './binary.js'
import { dockerRuns } from './docker-runs.js'

/** What `findRedis` found: the server in `REDIS_URL`, or a way to start servers. */
export type RedisSource = { readonly kind: 'url'; readonly url: string } | OwnRedisSource

/** A way to start servers: a binary, or an image for Docker. */
export type OwnRedisSource =
  | { readonly kind: 'binary'; readonly path: string }
  | { readonly kind: 'docker'; readonly image: string }

/** Options of `findRedis`. */
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
 * 4. Docker, if the package `testcontainers` is installed.
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
  throw new NoRedisError()
}

/** No Redis was found. The message lists the ways to get one. */
export class NoRedisError extends Error {
  override name = 'NoRedisError'

  constructor(message = NOT_FOUND, options?: ErrorOptions) {
    super(message, options)
  }
}

const DEFAULT_IMAGE = 'redis:7-alpine'

const NOT_FOUND = `No Redis found. Do one of the following:
  - install one: apt-get install redis-server, brew install redis, or another redis-server or
    valkey-server that is on the PATH
  - set REDIS_SERVER to the path of a redis-server or valkey-server
  - start Docker, and npm install --save-dev testcontainers
  - set REDIS_URL to a server that you have. It is enough for startRedis() without options; kill(),
    pause(), Clusters and Sentinels need one of the other ways`
