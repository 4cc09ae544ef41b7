import { createReadThrough, type ReadThrough, type ReadThroughOptions } from '@cache/aside'
import {
  InvalidKeyError,
  InvalidOptionError,
  invalidateMatching,
  json,
  type CacheClient,
  type CallOptions,
  type Duration,
  type GlobPattern,
  type InvalidateMatchingOptions,
  type KeyPart,
  type LoadContext,
  type LoadPolicyOptions,
  type Loader,
} from '@cache/core'
import {
  checkClient,
  LoadPolicy,
  ReadPath,
  checkOptions,
  literalStart,
  loadPolicyOptions,
  rawKey,
  writeSource,
  type OptionChecks,
} from '@cache/core/internal'
import { createLocks, type Locks } from '@cache/lock'
import {
  checkNear,
  nearOptions,
  withNearCache,
  type InvalidationBus,
  type NearCacheClient,
  type NearCacheOptions,
} from '@cache/pubsub-invalidation'
import { createRateLimiter, type RateLimiter, type RateLimiterOptions } from '@cache/ratelimit'

/**
 * How values are loaded and kept are the options of every pattern that reads through; here they are
 * for all values of the service.
 */
export interface CacheServiceOptions extends Omit<
  LoadPolicyOptions<any>,
  'ttl' | 'schema' | 'version'
> {
  readonly client: CacheClient
  /**
   * What tells of invalidations, to this process and others. With one, values are also kept in the
   * process. Default: none.
   */
  readonly bus?: InvalidationBus
  /** How much is kept in the process, and for how long. Only with a bus. */
  readonly near?: Omit<NearCacheOptions, 'bus'>
  /** How long a value is fresh where nothing else is said. Default 1 h. */
  readonly ttl?: Duration
  /**
   * How long `mutate` may take; a process that dies in it leaves the old value at most this much
   * longer. Default 5 s.
   */
  readonly intentTtl?: Duration
}

/**
 * A key behind the client's namespace: as it is (`'user:42:profile'`), or in parts, which may come
 * from users (`['user', id, 'profile']`).
 */
export type CacheKey = string | readonly KeyPart[]

export interface GetOptions extends CallOptions {
  /** How long the rebuilt value is fresh. Default: the service's `ttl`. */
  readonly ttl?: Duration
}

interface BroadcastOptions {
  /**
   * With a bus all processes are told in any case, since they may keep the value: `true` makes sure
   * that there is one. `false` is refused where there is.
   */
  readonly broadcast?: boolean
}

export interface BulkInvalidateOptions
  extends Omit<InvalidateMatchingOptions, 'except'>, BroadcastOptions {}

/** `ttl`: the service's, where it is missing. */
export type RememberOptions<Loaded, Id> = Omit<ReadThroughOptions<Loaded, Id>, 'client' | 'ttl'> &
  Partial<Pick<ReadThroughOptions<Loaded, Id>, 'ttl'>>

/**
 * A whole caching strategy in one object. Promises what the patterns promise that it is made of:
 *
 * - a read that begins after `set`, `invalidate`, `mutate`, `bulkInvalidate` or `increment` was
 *   acknowledged never returns what was loaded
 *   before: in any process; with a bus, in another process once it has the message. All services of a namespace have a bus, or none has;
 * - one rebuild runs for a cold key among all processes; a read with a rebuild answers with Redis
 *   down.
 *
 * Values are stored as plain JSON at the very key, so programs in other languages share them. Their
 * writes take no part in the protocol: what is being rebuilt meanwhile may be stored over theirs,
 * until its ttl ends.
 */
export interface CacheService extends AsyncDisposable {
  /**
   * What is cached, fresh or stale; `undefined` where there is nothing, or Redis does not answer.
   */
  get<T>(key: CacheKey): Promise<T | null | undefined>
  /**
   * What is cached, or what `rebuild` answers. `null` and `undefined` are kept with `negativeTtl`
   * or a `ttl` of their own, and else not at all. Rejects with the error of `rebuild`.
   */
  get<T>(
    key: CacheKey,
    rebuild: (context: LoadContext<NonNullable<T>>) => T | Promise<T>,
    options?: GetOptions,
  ): Promise<T>
  /**
   * Stores a value that you know to be current. `false`: another change of it was under way;
   * nothing is cached, and the next read rebuilds. Rejects when Redis does not answer, and with
   * `CodecError` before anything is sent.
   */
  set(key: CacheKey, value: unknown, options?: { readonly ttl?: Duration }): Promise<boolean>
  /**
   * Deletes an entry; `false`: there was none. Rejects when Redis does not answer: it may still be
   * there.
   */
  invalidate(key: CacheKey, options?: BroadcastOptions): Promise<boolean>
  /**
   * Runs `change`, which changes the source, and drops the entries it concerns; what was cached is
   * given no longer than `intentTtl` from its beginning, even if this process dies right after the
   * change. Rejects as `mutate` of `@cache/aside` does.
   */
  mutate<R>(keys: readonly CacheKey[], change: () => R | Promise<R>): Promise<R>
  /**
   * Deletes all entries whose key matches a glob pattern, which must not begin with a wildcard;
   * resolves to how many there were. A pattern into which something is inserted is to be made with
   * the tag `glob`, which escapes it as keys in parts are. Deletes strings, which entries are;
   * `locks`, lists, sets, hashes and streams stay. It looks at every key, in batches, and takes
   * time in proportion to the keyspace. A key that moves to another node meanwhile may be missed.
   * With a bus, every process drops what it keeps of the keys that begin as the pattern does.
   */
  bulkInvalidate(pattern: string | GlobPattern, options?: BulkInvalidateOptions): Promise<number>
  /**
   * Adds to a counter, 0 where there is none, and resolves to the sum. A `ttl` is set once: it
   * begins when the counter does. Rejects, and changes nothing, where the entry is no whole number,
   * or the sum would be beyond ±(2^53 - 1). Where a connection is lost on the way it may have been
   * added; and twice by a Redis client that sends again what got no answer, as ioredis does by
   * default.
   */
  increment(key: CacheKey, amount?: number, options?: { readonly ttl?: Duration }): Promise<number>
  /** A read-through cache of one kind of value, with its own loader, on the same client. */
  remember<Loaded, Id = KeyPart>(options: RememberOptions<Loaded, Id>): ReadThrough<Loaded, Id>
  readonly locks: Locks
  limiter(options: Omit<RateLimiterOptions, 'client'>): RateLimiter
  /**
   * The client that all of it stands on, for further patterns: with the near cache, if there is a
   * bus.
   */
  readonly client: CacheClient | NearCacheClient
  /**
   * Ends the near cache and gives back the locks. The client and the bus stay open: they are yours.
   */
  close(): Promise<void>
}

/** What the keys of locks begin with. */
const LOCKS = 'lock'

const defaults = loadPolicyOptions.filter((name) => name !== 'schema' && name !== 'version')
const names = ['client', 'bus', 'near', 'intentTtl', ...defaults]

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const cache = createCacheService({ client, bus: createInvalidationBus({ client }), ttl: '1h' })
 * const profile = await cache.get('user:42:profile', () => db.profile(42))
 */
export function createCacheService(given: CacheServiceOptions): CacheService {
  checkOptions('createCacheService', given, names)
  const options = { ...given, ttl: given.ttl === undefined ? '1h' : given.ttl } as const
  const check = checkOptions('createCacheService', options, names)
  const plain = checkClient(check)
  const usualTtl = check.duration('ttl')
  const intentTtl = check.duration('intentTtl', 5_000)
  const policy = new LoadPolicy<any>(check, options)
  const bus = checkBus(check, options)
  const client = bus === undefined ? plain : withNearCache(plain, { ...options.near, bus })
  const path = new ReadPath<any>(client, '', policy)
  const locks = createLocks({ client: plain, prefix: LOCKS })
  const usual = present({
    ...Object.fromEntries(defaults.map((name) => [name, options[name]])),
    intentTtl,
  })

  const start = client.namespace === '' ? '' : `${client.namespace}:`
  const isOfLocks = (key: string): boolean => key.startsWith(`${start}${LOCKS}:`)
  const keyOf = (key: CacheKey): string => {
    const whole = Array.isArray(key)
      ? client.key(...(key as readonly KeyPart[]))
      : rawKey(typeof key === 'string' && key !== '' ? start + key : (key as string))
    if (isOfLocks(whole))
      throw new InvalidKeyError(
        `The key "${whole}" is one of cache.locks: let it begin with something else than "${LOCKS}:".`,
      )
    return whole
  }
  const checkBroadcast = (call: OptionChecks): void => {
    if (!call.has('broadcast')) return
    const broadcast = call.oneOf('broadcast', [true, false])
    if (broadcast && bus === undefined)
      call.fail(
        'broadcast',
        'true only with a bus: createCacheService({ client, bus: createInvalidationBus({ client }) })',
      )
    if (!broadcast && bus !== undefined)
      call.fail(
        'broadcast',
        'true or nothing where there is a bus: other processes would go on with what they keep',
      )
  }

  return {
    client,
    locks,

    async get<T>(
      key: CacheKey,
      rebuild?: (context: LoadContext<NonNullable<T>>) => T | Promise<T>,
      how?: GetOptions,
    ) {
      const whole = keyOf(key)
      if (rebuild === undefined) return path.peek(whole)
      if (typeof rebuild !== 'function')
        throw new InvalidOptionError('rebuild', 'a function', rebuild)
      if (how === undefined) return path.get(whole, rebuild)
      const ttl = checkOptions('get', how, ['ttl', 'signal']).duration('ttl', undefined)
      const load: Loader<any> =
        ttl === undefined ? rebuild : (context) => (context.ttl(ttl), rebuild(context))
      return path.get(whole, load, how.signal)
    },

    async set(key, value, how = {}) {
      const whole = keyOf(key)
      if (value === undefined)
        throw new InvalidOptionError('value', 'a value: invalidate(key) deletes one', value)
      const write = policy.storing(value, {
        ttl: checkOptions('set', how, ['ttl']).duration('ttl', usualTtl),
      })!
      return path.changing([whole], () => client.entries.put(whole, policy.format, value, write))
    },

    async invalidate(key, how = {}) {
      checkBroadcast(checkOptions('invalidate', how, ['broadcast']))
      const whole = keyOf(key)
      return path.changing([whole], async () => (await client.entries.invalidate([whole])) > 0)
    },

    async mutate(keys, change) {
      if (!Array.isArray(keys) || keys.length === 0)
        throw new InvalidOptionError('keys', 'an array of at least one key', keys)
      if (typeof change !== 'function') throw new InvalidOptionError('change', 'a function', change)
      const whole = keys.map(keyOf)
      return path.changing(whole, () => writeSource(client, { keys: whole, intentTtl, change }))
    },

    async bulkInvalidate(pattern, how = {}) {
      const which = typeof pattern === 'string' ? { glob: pattern } : pattern
      const prefix = literalStart(which)
      if (prefix === '')
        throw new InvalidOptionError(
          'pattern',
          'one that begins with what its keys begin with: queues, versions and limits of other names stay then',
          which.glob,
        )
      checkBroadcast(
        checkOptions('bulkInvalidate', how, ['broadcast', 'signal', 'count', 'onProgress']),
      )
      return path.changing('all', async () => {
        const invalidated = await invalidateMatching(plain, which, {
          ...present({ ...how, broadcast: undefined }),
          except: isOfLocks,
        })
        await bus?.publish({ prefix: start + prefix }) // one message for all, not one for each
        return invalidated
      })
    },

    async increment(key, amount = 1, how = {}) {
      const whole = keyOf(key)
      if (options.codec !== undefined && options.codec !== json)
        throw new InvalidOptionError(
          'codec',
          'json, where counters are read: Redis adds to decimal digits',
          options.codec.name,
        )
      const ttl = checkOptions('increment', how, ['ttl']).duration('ttl', undefined)
      return path.changing([whole], () =>
        client.entries.increment(whole, amount, ttl && ttl + policy.staleBelow),
      )
    },

    remember(own) {
      refuseClient('remember', own)
      if (own?.prefix === LOCKS || isOfLocks(start + own?.prefix))
        throw new InvalidOptionError(
          'prefix',
          `something else than "${LOCKS}", which is that of cache.locks`,
          own.prefix,
        )
      return createReadThrough({ ...usual, ...present(own), client } as typeof own & {
        client: CacheClient
        ttl: Duration
      })
    },

    limiter(own) {
      refuseClient('limiter', own)
      return createRateLimiter({ ...own, client: plain })
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
      : check.fail('near', 'a bus beside it, which tells what is no longer right')
  return check.shaped<InvalidationBus>(
    'bus',
    ['publish', 'on', 'ready', 'close'],
    'a bus: createInvalidationBus(…) or createTrackingBus(…)',
  )
}

/** The client is the service's: one that is given besides would be ignored. */
function refuseClient(call: string, options: object): void {
  const check = checkOptions(call, options, Object.keys((options as object | undefined) ?? {}))
  if (check.has('client')) check.fail('client', 'left out: it is the service’s')
}

/** Without what is undefined, which is the same as missing. */
function present<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as O
}
