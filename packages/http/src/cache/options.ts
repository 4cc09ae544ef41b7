import { InvalidOptionError, type CacheClient, type Duration, type Size } from '@cache/core'
import {
  clientOption,
  customOption,
  durationOption,
  functionOption,
  givenOption,
  sizeOption,
  textOption,
  type OptionTable,
} from '@cache/core/internal'

/** Options of `createHttpCache`. */
export interface HttpCacheOptions {
  /** The cache client to use. */
  readonly client: CacheClient
  /** The first part of every key of this cache, after the client's namespace. */
  readonly prefix: string
  /**
   * How long a response is fresh that does not say it (`max-age`, `s-maxage`, Expires). It applies
   * to statuses 200, 203, 204, 300, 301 and 308, and to requests without credentials. Default: such
   * responses are not stored.
   */
  readonly defaultTtl?: Duration
  /** The longest time that a response is fresh, whatever it says. Default 1 d. */
  readonly maxTtl?: Duration
  /**
   * How long a response is kept after it was fresh, to be revalidated or served stale. A longer
   * `stale-while-revalidate` or `stale-if-error` counts as this long. Default 5 m.
   */
  readonly keepStale?: Duration
  /** The size of the largest body that is stored. Larger bodies are streamed. Default '1mb'. */
  readonly maxBodyBytes?: Size
  /**
   * Request headers that identify a visitor. A response to a request with one of them is stored
   * only if it says `public` or `s-maxage`, or (except `authorization`) if its Vary names the
   * header. These requests have pages of their own. `authorization` is always one of them. Default
   * `['authorization', 'cookie']`.
   */
  readonly credentials?: readonly string[]
  /**
   * Returns what pages are told apart by, beside scheme and host: a text. Leave out parameters of
   * the query that do not change the page. Default: the path and the query.
   */
  readonly key?: (request: Request, url: URL) => string
  /** Returns whether a request passes by the cache. A function that throws does not skip. */
  readonly skip?: (request: Request) => boolean
  /**
   * The response header that lists the tags of a page, separated by commas or spaces. It is removed
   * before the response is sent. Default 'cache-tag'.
   */
  readonly tagHeader?: string
  /** Returns more tags of a page. Default: none. */
  readonly tags?: (request: Request, response: Response) => readonly string[]
  /** The name of this cache in Cache-Status. Default 'cache'. */
  readonly name?: string
  /**
   * How long a request waits while another process renders the page. Then it renders for itself.
   * Default 5 s.
   */
  readonly waitFor?: Duration
  /**
   * How long a process that renders keeps the others waiting if it dies. A page that takes longer
   * than twice this may not be stored. Default 10 s.
   */
  readonly leaseTtl?: Duration
  /**
   * Called with a promise for each page that is rendered in the background. Pass the function that
   * keeps your serverless function alive.
   */
  readonly waitUntil?: (work: Promise<unknown>) => void
}

/** The rows of `HttpCacheOptions`. */
export const httpCacheOptions = {
  client: clientOption,
  prefix: givenOption(),
  defaultTtl: durationOption(),
  maxTtl: durationOption('1d'),
  keepStale: durationOption('5m'),
  maxBodyBytes: sizeOption('1mb'),
  credentials: customOption(checkCredentials),
  key: functionOption<NonNullable<HttpCacheOptions['key']>>((_, url) => url.pathname + url.search),
  skip: functionOption<NonNullable<HttpCacheOptions['skip']>>(() => false),
  tagHeader: customOption((value, path) => checkHeaderName(value ?? 'cache-tag', path)),
  tags: functionOption<NonNullable<HttpCacheOptions['tags']>>(() => []),
  name: textOption('cache'),
  waitFor: durationOption('5s'),
  leaseTtl: durationOption('10s'),
  waitUntil: functionOption(),
} satisfies OptionTable<HttpCacheOptions>

function checkCredentials(value: unknown, path: string): readonly string[] {
  const names: unknown = value ?? ['authorization', 'cookie']
  if (!Array.isArray(names))
    throw new InvalidOptionError(path, 'an array of names of request headers', value)
  return [...new Set(['authorization', ...names.map((name) => checkHeaderName(name, path))])]
}

export function checkHeaderName(value: unknown, path: string): string {
  if (typeof value !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(value))
    throw new InvalidOptionError(path, 'the name of a header', value)
  return value.toLowerCase()
}
