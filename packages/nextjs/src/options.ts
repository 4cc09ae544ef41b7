import {
  InvalidOptionError,
  v8,
  type CacheClient,
  type Codec,
  type Duration,
  type Size,
} from '@cache/core'
import {
  checkCodec,
  customOption,
  durationOption,
  flagOption,
  sizeOption,
  textOption,
  type OptionTable,
} from '@cache/core/internal'

/** What both handlers have in common. */
export interface NextCacheOptions {
  /**
   * The cache client to use, or a function that returns it. The function is called when Next.js
   * first needs the cache, and never during `next build`. See `sharedClient`.
   */
  readonly client: CacheClient | (() => CacheClient)
  /**
   * The first part of every key, after the client's namespace. Give both handlers of an application
   * the same one: they share the states of tags. Default 'next'.
   */
  readonly prefix?: string
  /**
   * Tells builds apart: two deployments share no entries that depend on the build. Default: the
   * environment variable `NEXT_DEPLOYMENT_ID`, or else the id that `next build` has written to
   * `.next/BUILD_ID`.
   */
  readonly deploymentId?: string
  /** The longest time that an entry is kept, whatever Next.js allows. Default 30 d. */
  readonly maxTtl?: Duration
  /**
   * Encodes the values. It must keep `Buffer` and `Map`, such as `v8`, `json`, or `compressed` or
   * `encrypted` around one of them. Default `v8`.
   */
  readonly codec?: Codec<any>
  /** The size of the largest value that is stored. Default '8mb'. */
  readonly maxValueBytes?: Size
  /**
   * By how much the clocks of the servers of a Cluster, or of shards, may differ. Default: 1 s, and
   * 0 on one server.
   */
  readonly clockSkew?: Duration
}

/** Options of `createUseCacheHandler`. */
export type UseCacheHandlerOptions = NextCacheOptions

/** Options of `createIncrementalCacheHandler`. */
export interface IncrementalCacheHandlerOptions extends NextCacheOptions {
  /**
   * How long a process that regenerates a stale page keeps the others from it, at most. They serve
   * the stale page meanwhile. Default 10 s.
   */
  readonly leaseTtl?: Duration
  /**
   * Whether all builds share the results of `fetch` and `unstable_cache`. Pages and route handlers
   * always belong to a build. Default true.
   */
  readonly shareData?: boolean
}

/** Options of `createRevalidator`. */
export type RevalidatorOptions = Pick<NextCacheOptions, 'client' | 'prefix' | 'maxTtl'>

const sharedOptions = {
  client: customOption(checkClientOption),
  prefix: textOption('next'),
  deploymentId: textOption(),
  maxTtl: durationOption('30d', { min: 1_000 }),
  codec: customOption((codec, path) => checkCodec<any>(path, codec === undefined ? v8 : codec)),
  maxValueBytes: sizeOption('8mb'),
  clockSkew: durationOption(),
} satisfies OptionTable<NextCacheOptions>

/** The rows of `RevalidatorOptions`. */
export const revalidatorOptions = {
  client: sharedOptions.client,
  prefix: sharedOptions.prefix,
  maxTtl: sharedOptions.maxTtl,
} satisfies OptionTable<RevalidatorOptions>

/** The rows of `UseCacheHandlerOptions`. */
export const useCacheHandlerOptions = sharedOptions satisfies OptionTable<UseCacheHandlerOptions>

/** The rows of `IncrementalCacheHandlerOptions`. */
export const incrementalCacheHandlerOptions = {
  ...sharedOptions,
  leaseTtl: durationOption('10s', { min: 100 }),
  shareData: flagOption(true),
} satisfies OptionTable<IncrementalCacheHandlerOptions>

function checkClientOption(client: unknown, path: string): CacheClient | (() => CacheClient) {
  if (typeof client === 'function') return client as () => CacheClient
  const methods = ['key', 'send', 'run', 'scan']
  const isClient =
    typeof client === 'object' &&
    client !== null &&
    methods.every((method) => typeof (client as Record<string, unknown>)[method] === 'function')
  if (!isClient)
    throw new InvalidOptionError(
      path,
      'a client made by createCacheClient(…), or a function that returns one',
      client,
    )
  return client as CacheClient
}
