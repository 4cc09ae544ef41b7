import { createReadThrough } from '@cache/aside'
import {
  InvalidKeyError,
  InvalidOptionError,
  invalidateMatching,
  json,
  type CacheClient,
  type InvalidateMatchingOptions,
  type KeyPart,
  type LoadContext,
  type Loader,
  type Ttl,
} from '@cache/core'
import {
  LoadPolicy,
  ReadPath,
  choiceOption,
  clientOption,
  customOption,
  durationOption,
  givenOption,
  literalStart,
  loadPolicyOptions,
  objectOption,
  omitOptions,
  rawKey,
  readCacheOptions,
  readGroup,
  readOptions,
  ttlOption,
  writeSource,
  type OptionTable,
} from '@cache/core/internal'
import { createLocks } from '@cache/lock'
import { nearOptions, withNearCache } from '@cache/pubsub-invalidation'
import { createRateLimiter } from '@cache/ratelimit'
import type {
  BulkInvalidateOptions,
  CacheKey,
  CacheService,
  CacheServiceOptions,
  GetOptions,
} from './types.js'

/**
 * Creates a cache service: reads that rebuild missing values, writes, invalidation, counters, locks
 * and rate limits on one client.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const cache = createCacheService({ client, bus: createInvalidationBus({ client }), ttl: '1h' })
 * const profile = await cache.get('user:42:profile', () => db.profile(42))
 */
export function createCacheService(given: CacheServiceOptions): CacheService {
  const options = readCacheOptions('createCacheService', serviceOptions, given)
  const { client: plainClient, bus, near, ttl: defaultTtl, intentTtl } = options
  const policy = new LoadPolicy<any>({ ...options, schema: undefined, version: undefined })
  if (near && bus === undefined)
    throw new InvalidOptionError('near', 'used together with "bus", which publishes invalidations')
  const client = bus === undefined ? plainClient : withNearCache(plainClient, { ...near, bus })
  const path = new ReadPath<any>(client, '', policy)
  const locks = createLocks({ client: plainClient, prefix: LOCK_PREFIX })
  const rememberDefaults = withoutUndefined({
    ...Object.fromEntries(
      Object.keys(servicePolicyOptions).map((name) => [name, given[name as keyof typeof given]]),
    ),
    ttl: given.ttl ?? plainClient.defaults?.ttl ?? '1h',
    intentTtl,
  })

  const namespacePrefix = client.namespace === '' ? '' : `${client.namespace}:`
  const isLockKey = (key: string): boolean => key.startsWith(`${namespacePrefix}${LOCK_PREFIX}:`)
  const keyOf = (key: CacheKey): string => {
    const fullKey = Array.isArray(key)
      ? client.key(...(key as readonly KeyPart[]))
      : rawKey(typeof key === 'string' && key !== '' ? namespacePrefix + key : (key as string))
    if (isLockKey(fullKey))
      throw new InvalidKeyError(
        `The key "${fullKey}" is reserved for cache.locks. ` +
          `Use a key that does not begin with "${LOCK_PREFIX}:".`,
      )
    return fullKey
  }
  const checkBroadcast = (broadcast: boolean | undefined): void => {
    if (broadcast === true && bus === undefined)
      throw new InvalidOptionError(
        'broadcast',
        'true only with a bus: ' +
          'createCacheService({ client, bus: createInvalidationBus({ client }) })',
        broadcast,
      )
    if (broadcast === false && bus !== undefined)
      throw new InvalidOptionError(
        'broadcast',
        'true or nothing with a bus: other processes would keep using the old value',
        broadcast,
      )
  }

  return {
    client,
    locks,

    async get<T>(
      key: CacheKey,
      rebuild?: (context: LoadContext<NonNullable<T>>) => T | Promise<T>,
      callOptions?: GetOptions,
    ) {
      const fullKey = keyOf(key)
      if (rebuild === undefined) return path.peek(fullKey)
      if (typeof rebuild !== 'function')
        throw new InvalidOptionError('rebuild', 'a function', rebuild)
      if (callOptions === undefined) return path.get(fullKey, rebuild)
      const { ttl } = readOptions('get', getOptions, callOptions)
      const load: Loader<any> =
        ttl === undefined
          ? rebuild
          : (context) => (context.ttl(ttl === Infinity ? 'never' : ttl), rebuild(context))
      return path.get(fullKey, load, callOptions.signal)
    },

    async set(key, value, callOptions = {}) {
      const fullKey = keyOf(key)
      if (value === undefined)
        throw new InvalidOptionError('value', 'a value: invalidate(key) deletes one', value)
      const stored = policy.storing(value, {
        ttl: readOptions('set', ttlOptions, callOptions).ttl ?? defaultTtl,
      })!
      return path.changing(
        [fullKey],
        () => client.entries.put(fullKey, policy.format, value, stored),
        'writes',
      )
    },

    async invalidate(key, callOptions = {}) {
      checkBroadcast(readOptions('invalidate', broadcastOptions, callOptions).broadcast)
      const fullKey = keyOf(key)
      return path.changing(
        [fullKey],
        async () => (await client.entries.invalidate([fullKey])) > 0,
        'invalidations',
      )
    },

    async mutate(keys, change) {
      if (!Array.isArray(keys) || keys.length === 0)
        throw new InvalidOptionError('keys', 'an array of at least one key', keys)
      if (typeof change !== 'function') throw new InvalidOptionError('change', 'a function', change)
      const fullKeys = keys.map(keyOf)
      return path.changing(
        fullKeys,
        () => writeSource(client, { keys: fullKeys, intentTtl, change }),
        'invalidations',
      )
    },

    async bulkInvalidate(pattern, callOptions = {}) {
      const glob = typeof pattern === 'string' ? { glob: pattern } : pattern
      const prefix = literalStart(glob)
      if (prefix === '')
        throw new InvalidOptionError(
          'pattern',
          'a pattern that does not begin with a wildcard, which would match keys of other patterns',
          glob.glob,
        )
      const { broadcast, ...matching } = readOptions(
        'bulkInvalidate',
        bulkInvalidateOptions,
        callOptions,
      )
      checkBroadcast(broadcast)
      return path.changing('all', async () => {
        const invalidated = await invalidateMatching(plainClient, glob, {
          ...(withoutUndefined(matching) as InvalidateMatchingOptions),
          except: isLockKey,
        })
        await bus?.publish({ prefix: namespacePrefix + prefix }) // one message for all keys
        path.count('invalidations', invalidated)
        return invalidated
      })
    },

    async increment(key, amount = 1, callOptions = {}) {
      const fullKey = keyOf(key)
      if (options.codec !== json)
        throw new InvalidOptionError(
          'codec',
          'json, to use counters: Redis adds to decimal digits',
          options.codec.name,
        )
      const { ttl } = readOptions('increment', ttlOptions, callOptions)
      return path.changing(
        [fullKey],
        () => client.entries.increment(fullKey, amount, ttl && ttl + policy.staleBelow),
        'writes',
      )
    },

    remember(cacheOptions) {
      refuseClient('remember', cacheOptions)
      if (cacheOptions?.prefix === LOCK_PREFIX || isLockKey(namespacePrefix + cacheOptions?.prefix))
        throw new InvalidOptionError(
          'prefix',
          `a prefix other than "${LOCK_PREFIX}", which is reserved for cache.locks`,
          cacheOptions.prefix,
        )
      return createReadThrough({
        ...rememberDefaults,
        ...withoutUndefined(cacheOptions),
        client,
      } as typeof cacheOptions & {
        client: CacheClient
        ttl: Ttl
      })
    },

    limiter(limiterOptions) {
      refuseClient('limiter', limiterOptions)
      return createRateLimiter({ ...limiterOptions, client: plainClient })
    },

    stats: () => path.stats(),

    close,
    [Symbol.asyncDispose]: close,
  }

  async function close(): Promise<void> {
    await Promise.all([locks.close(), bus && client.close()])
  }
}

/** Throws if `client` is among the options of a call: the service passes its own. */
function refuseClient(call: string, options: object): void {
  if (typeof options !== 'object' || options === null)
    throw new InvalidOptionError(call, 'an object of options', options)
  if ((options as { client?: unknown }).client !== undefined)
    throw new InvalidOptionError('client', 'omitted: the service passes its own')
}

/** Returns the properties that are not undefined. An undefined option counts as missing. */
function withoutUndefined<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O
}

/** The prefix of the keys of `locks`. */
const LOCK_PREFIX = 'lock'

const servicePolicyOptions = omitOptions(loadPolicyOptions, ['schema', 'version', 'ttl'])

/** The rows of `CacheServiceOptions`. */
const serviceOptions = {
  client: clientOption,
  bus: objectOption(
    ['publish', 'on', 'ready', 'close'],
    'a bus: createInvalidationBus(…) or createTrackingBus(…)',
  ),
  near: customOption((near, path) => {
    if (near !== undefined) readGroup(nearOptions, near, path)
    return near as CacheServiceOptions['near']
  }),
  ttl: ttlOption('1h'),
  intentTtl: durationOption('5s'),
  ...servicePolicyOptions,
} satisfies OptionTable<CacheServiceOptions>

const ttlOptions = { ttl: ttlOption() }
/** The rows of `GetOptions`. */
const getOptions = { ...ttlOptions, signal: givenOption() }
/** The rows of `BroadcastOptions`. */
const broadcastOptions = { broadcast: choiceOption([true, false]) }
/** The rows of `BulkInvalidateOptions`. */
const bulkInvalidateOptions = {
  ...broadcastOptions,
  signal: givenOption(),
  count: givenOption(),
  onProgress: givenOption(),
} satisfies OptionTable<BulkInvalidateOptions>
