import { createReadThrough } from '@cache/aside'
import {
  InvalidKeyError,
  InvalidOptionError,
  invalidateMatching,
  json,
  type CacheClient,
  type KeyPart,
  type LoadContext,
  type Loader,
  type Ttl,
} from '@cache/core'
import {
  checkClient,
  LoadPolicy,
  ReadPath,
  withClientDefaults,
  checkOptions,
  literalStart,
  loadPolicyOptions,
  rawKey,
  writeSource,
  type OptionChecks,
} from '@cache/core/internal'
import { createLocks } from '@cache/lock'
import {
  checkNear,
  nearOptions,
  withNearCache,
  type InvalidationBus,
} from '@cache/pubsub-invalidation'
import { createRateLimiter } from '@cache/ratelimit'
import type { CacheKey, CacheService, CacheServiceOptions, GetOptions } from './types.js'

/**
 * Creates a cache service: reads that rebuild missing values, writes, invalidation, counters, locks
 * and rate limits on one client.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const cache = createCacheService({ client, bus: createInvalidationBus({ client }), ttl: '1h' })
 * const profile = await cache.get('user:42:profile', () => db.profile(42))
 */
export function createCacheService(givenOptions: CacheServiceOptions): CacheService {
  checkOptions('createCacheService', givenOptions, optionNames)
  const merged = withClientDefaults(givenOptions, optionNames)
  const options = { ...merged, ttl: merged.ttl === undefined ? '1h' : merged.ttl } as const
  const check = checkOptions('createCacheService', options, optionNames)
  const plainClient = checkClient(check)
  const defaultTtl = check.ttl('ttl')
  const intentTtl = check.duration('intentTtl', 5_000)
  const policy = new LoadPolicy<any>(check, options)
  const bus = checkBus(check, options)
  const client =
    bus === undefined ? plainClient : withNearCache(plainClient, { ...options.near, bus })
  const path = new ReadPath<any>(client, '', policy)
  const locks = createLocks({ client: plainClient, prefix: LOCK_PREFIX })
  const rememberDefaults = withoutUndefined({
    ...Object.fromEntries(policyNames.map((name) => [name, options[name]])),
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
  const checkBroadcast = (call: OptionChecks): void => {
    if (!call.has('broadcast')) return
    const broadcast = call.oneOf('broadcast', [true, false])
    if (broadcast && bus === undefined)
      call.fail(
        'broadcast',
        'true only with a bus: ' +
          'createCacheService({ client, bus: createInvalidationBus({ client }) })',
      )
    if (!broadcast && bus !== undefined)
      call.fail(
        'broadcast',
        'true or nothing with a bus: other processes would keep using the old value',
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
      const ttl = checkOptions('get', callOptions, ['ttl', 'signal']).ttl('ttl', undefined)
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
        ttl: checkOptions('set', callOptions, ['ttl']).ttl('ttl', defaultTtl),
      })!
      return path.changing([fullKey], () =>
        client.entries.put(fullKey, policy.format, value, stored),
      )
    },

    async invalidate(key, callOptions = {}) {
      checkBroadcast(checkOptions('invalidate', callOptions, ['broadcast']))
      const fullKey = keyOf(key)
      return path.changing([fullKey], async () => (await client.entries.invalidate([fullKey])) > 0)
    },

    async mutate(keys, change) {
      if (!Array.isArray(keys) || keys.length === 0)
        throw new InvalidOptionError('keys', 'an array of at least one key', keys)
      if (typeof change !== 'function') throw new InvalidOptionError('change', 'a function', change)
      const fullKeys = keys.map(keyOf)
      return path.changing(fullKeys, () =>
        writeSource(client, { keys: fullKeys, intentTtl, change }),
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
      checkBroadcast(
        checkOptions('bulkInvalidate', callOptions, ['broadcast', 'signal', 'count', 'onProgress']),
      )
      return path.changing('all', async () => {
        const invalidated = await invalidateMatching(plainClient, glob, {
          ...withoutUndefined({ ...callOptions, broadcast: undefined }),
          except: isLockKey,
        })
        await bus?.publish({ prefix: namespacePrefix + prefix }) // one message for all keys
        return invalidated
      })
    },

    async increment(key, amount = 1, callOptions = {}) {
      const fullKey = keyOf(key)
      if (options.codec !== undefined && options.codec !== json)
        throw new InvalidOptionError(
          'codec',
          'json, to use counters: Redis adds to decimal digits',
          options.codec.name,
        )
      const ttl = checkOptions('increment', callOptions, ['ttl']).duration('ttl', undefined)
      return path.changing([fullKey], () =>
        client.entries.increment(fullKey, amount, ttl && ttl + policy.staleBelow),
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

    close,
    [Symbol.asyncDispose]: close,
  }

  async function close(): Promise<void> {
    await Promise.all([locks.close(), bus && client.close()])
  }
}

function checkBus(check: OptionChecks, { near }: CacheServiceOptions): InvalidationBus | undefined {
  checkNear(check.nested('near', nearOptions))
  if (!check.has('bus'))
    return near === undefined
      ? undefined
      : check.fail('near', 'used together with "bus", which publishes invalidations')
  return check.shaped<InvalidationBus>(
    'bus',
    ['publish', 'on', 'ready', 'close'],
    'a bus: createInvalidationBus(…) or createTrackingBus(…)',
  )
}

/** Throws if `client` is among the options of a call: the service passes its own. */
function refuseClient(call: string, options: object): void {
  const check = checkOptions(call, options, Object.keys((options as object | undefined) ?? {}))
  if (check.has('client')) check.fail('client', 'omitted: the service passes its own')
}

/** Returns the properties that are not undefined. An undefined option counts as missing. */
function withoutUndefined<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O
}

/** The prefix of the keys of `locks`. */
const LOCK_PREFIX = 'lock'

const policyNames = loadPolicyOptions.filter((name) => name !== 'schema' && name !== 'version')
const optionNames = ['client', 'bus', 'near', 'intentTtl', ...policyNames]
