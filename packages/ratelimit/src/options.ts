import { InvalidOptionError, type CacheClient, type Duration, type KeyPart } from '@cache/core'
import {
  checkPrefix,
  clientOption,
  createKeys,
  customOption,
  durationOption,
  flagOption,
  givenOption,
  numberOption,
  readGroup,
  readOptions,
  required,
  type OptionTable,
} from '@cache/core/internal'
import type { DenyCacheOptions } from './deny-cache.js'
import { checkIdList, Lists, type IdList, type Listing } from './lists.js'
import { onOutageOption, type OnOutage } from './outage.js'
import type { Limit } from './policies/limit.js'
import type { Id } from './rate-limiter.js'
import { receiptSecretsOption, type ReceiptSecret } from './receipts.js'

export interface RateLimiterOptions {
  /** The cache client to use. */
  readonly client: CacheClient
  /** The first part of every key of this limiter, after the client's namespace. */
  readonly prefix: string
  /**
   * The limits that a request must pass. They are checked together and charged together, all or
   * none. Each needs a different name, so at most one limit of each policy can use the default.
   */
  readonly limits: readonly Limit[]
  /**
   * The time that a decision waits for Redis. It should be longer than a round trip takes. The
   * reply is listened for until 1 s has passed, and takes up one of the client's `maxInFlight` for
   * that time. A denial that arrives later is still cached, and the charge of a request that
   * `onOutage` denied is given back. Default 500 ms.
   */
  readonly deadline?: Duration
  /**
   * What happens to a request that Redis does not decide within the deadline: `'allow'` it,
   * `'deny'` it, or `{ local: share }`, with which each process allows its share of each limit
   * without Redis: a quarter with `{ local: 0.25 }`. Default `'allow'`.
   */
  readonly onOutage?: OnOutage
  /**
   * Caches denials in the process, so that repeat offenders cost no round trip. `max` is the number
   * of ids (default 10 000). `maxAge` is how long a denial is cached at most (default 1 s), and so
   * how late a refund or reset by another process takes effect. Apart from that, it denies no
   * request that Redis would allow. `false` turns the cache off. Default: on.
   */
  readonly denyCache?: false | { readonly max?: number; readonly maxAge?: Duration }
  /**
   * Charges this many tokens at a time in Redis and spends them in the process, so that one round
   * trip serves many requests. The tokens must be spent within `ttl` (default 250 ms), and count as
   * if they were spent at its end. A crash uses less than the limit, and never admits more. It
   * cannot be combined with concurrency limits. Default off.
   */
  readonly prefetch?: number | { readonly tokens: number; readonly ttl?: Duration }
  /**
   * The ids that are not limited, or a function (sync or async) that returns `true` for them. Redis
   * is not asked about them, and they are charged nothing. A function that throws or rejects puts
   * nobody on the list, and is reported on `cache:error`. Default: nobody.
   */
  readonly allow?: IdList
  /**
   * The ids that are always denied, as in `allow`. An id on both lists is denied. To deny an id for
   * a while, use `block`. Default: nobody.
   */
  readonly deny?: IdList
  /** Decides and reports, but allows every request. Default false. */
  readonly shadow?: boolean
  /**
   * The secrets that receipts are signed with, of at least 32 bytes each. You need them if receipts
   * leave the server and come back. The first secret signs, and all of them are accepted. To change
   * the secret, put the new one first and keep the old one until its receipts are worthless.
   * Without secrets, receipts are not signed, and must not leave the server.
   */
  readonly receiptSecrets?: readonly ReceiptSecret[]
}

export interface PrefetchOptions {
  readonly tokens: number
  /** Milliseconds. */
  readonly ttl: number
}

/** The options after validation, with defaults. Durations are in milliseconds. */
export interface ResolvedOptions {
  readonly client: CacheClient
  readonly prefix: string
  readonly limits: readonly Limit[]
  readonly keyOf: (id: Id) => string
  readonly lists: Lists | undefined
  readonly deadline: number
  readonly onOutage: OnOutage
  readonly denyCache: DenyCacheOptions | undefined
  readonly prefetch: PrefetchOptions | undefined
  readonly shadow: boolean
  readonly receiptSecrets: readonly ReceiptSecret[]
}

/** The rows of `RateLimiterOptions`. */
const limiterOptions = {
  client: clientOption,
  prefix: givenOption(),
  limits: customOption(checkLimits),
  deadline: durationOption('500ms'),
  onOutage: onOutageOption,
  denyCache: customOption((value, path) =>
    value === false
      ? undefined
      : readGroup(denyCacheOptions, value === undefined ? {} : value, path),
  ),
  prefetch: customOption(checkPrefetch),
  allow: givenOption(),
  deny: givenOption(),
  shadow: flagOption(false),
  receiptSecrets: receiptSecretsOption,
} satisfies OptionTable<RateLimiterOptions>

/** @throws {InvalidOptionError} naming the option. */
export function resolveOptions(options: RateLimiterOptions): ResolvedOptions {
  const { allow, deny, ...checked } = readOptions('createRateLimiter', limiterOptions, options)
  const { client, limits, prefetch } = checked
  const prefix = checkPrefix('prefix', checked.prefix, client.namespace)
  const makeKey = createKeys(client.namespace, prefix)
  const keyOf = (id: Id): string =>
    Array.isArray(id) ? makeKey(...(id as readonly KeyPart[])) : makeKey(id as KeyPart)
  if (prefetch && limits.some(({ policy }) => policy === 'concurrency'))
    throw new InvalidOptionError(
      'prefetch',
      'left out if there are concurrency limits, because a slot belongs to one decision',
      options.prefetch,
    )
  return { ...checked, prefix, keyOf, lists: checkLists({ allow, deny }, keyOf) }
}

function checkLimits(limits: unknown, path: string): readonly Limit[] {
  const fits =
    Array.isArray(limits) &&
    limits.length > 0 &&
    limits.every(
      (limit: Limit | undefined) => Array.isArray(limit?.script) && typeof limit?.name === 'string',
    )
  if (!fits)
    throw new InvalidOptionError(
      path,
      'a non-empty array of limits made by slidingWindow(…), slidingCounter(…), fixedWindow(…), ' +
        'tokenBucket(…), gcra(…) or concurrency(…)',
      limits,
    )
  const names = (limits as readonly Limit[]).map(({ name }) => name)
  const repeated = names.find((name, i) => names.indexOf(name) !== i)
  if (repeated !== undefined)
    throw new InvalidOptionError(
      path,
      `an array of limits with different names, because their states are kept under them: give ` +
        `the limits that are named "${repeated}" a "name" each`,
      limits,
    )
  return [...(limits as readonly Limit[])]
}

function checkLists(
  lists: Readonly<Record<Listing, IdList | undefined>>,
  keyOf: (id: Id) => string,
): Lists | undefined {
  const allow = checkIdList('allow', lists.allow, keyOf)
  const deny = checkIdList('deny', lists.deny, keyOf)
  return allow || deny ? new Lists({ allow, deny }) : undefined
}

const denyCacheOptions = {
  max: numberOption({ min: 1, max: 10_000_000, integer: true }, 10_000),
  maxAge: durationOption('1s'),
}

const prefetchOptions = {
  tokens: numberOption({ min: 2, integer: true }, required),
  ttl: durationOption('250ms'),
}

function checkPrefetch(value: unknown, path: string): PrefetchOptions | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number') return readGroup(prefetchOptions, value, path)
  return readGroup(prefetchOptions, { tokens: prefetchOptions.tokens.check(value, path) }, path)
}
