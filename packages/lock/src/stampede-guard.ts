import {
  InvalidOptionError,
  channels,
  type CacheClient,
  type Codec,
  type Duration,
  type Schema,
} from '@cache/core'
import {
  PendingReleases,
  clientOption,
  createFormat,
  createToken,
  durationOption,
  emit,
  formatOptions,
  jittered,
  numberOption,
  objectOption,
  rawKey,
  readOptions,
  required,
  type OptionTable,
  type Format,
} from '@cache/core/internal'
import type { Locks } from './locks.js'

export interface StampedeGuardOptions<T> {
  /** The cache client that stores the values. */
  readonly client: CacheClient
  /**
   * The locks that decide which process rebuilds: the one that holds the lock with the key's name.
   * `createLocks` and `createRedlock` make them, and any implementation of `Locks` works.
   */
  readonly locks: Locks
  /** How long a value is stored. */
  readonly ttl: Duration
  /** The fraction by which each ttl varies at random. Default 0. */
  readonly jitter?: number
  /**
   * How long to wait while another process rebuilds. After that, `get` rebuilds without the lock.
   * Default: the `wait` of `locks`.
   */
  readonly wait?: Duration
  /** Converts values to bytes and back. Default `json`. */
  readonly codec?: Codec<T>
  /** Any Standard Schema. A stored value that does not match is rebuilt. */
  readonly schema?: Schema<T>
}

/** The argument of `rebuild`. */
export interface RebuildContext {
  /** Aborts when the lock is lost. Another process may then be rebuilding. */
  readonly signal: AbortSignal
}

/**
 * Protects cache keys of your own against stampedes: `get` reads a value, and rebuilds it under a
 * lock if it is missing.
 *
 * - One of all processes rebuilds a missing value, and the others wait for it. If that process
 *   dies, the next one rebuilds.
 * - While Redis is down, every process rebuilds for itself, once per key.
 * - A value whose key was invalidated (through core's entries) during its rebuild is not stored.
 */
export interface StampedeGuard<T> {
  /**
   * Returns the value stored under `key`, or the result of `rebuild`. `key` is the complete Redis
   * key: no namespace is added.
   *
   * Rejects with the error of `rebuild`, and with `InvalidKeyError` before anything is sent.
   */
  get<V extends T>(key: string, rebuild: (context: RebuildContext) => V | Promise<V>): Promise<T>
}

/** The rows of `StampedeGuardOptions`. */
const guardOptions = {
  client: clientOption,
  locks: objectOption(
    ['acquire', 'tryAcquire', 'withLock'],
    'an object made by createLocks(…) or createRedlock(…)',
    required,
  ),
  ttl: durationOption(required),
  jitter: numberOption({ min: 0, max: 1 }, 0),
  wait: durationOption(),
  codec: formatOptions.codec,
  schema: formatOptions.schema,
} satisfies OptionTable<StampedeGuardOptions<any>>

/**
 * Creates a guard against cache stampedes, for code that has its own cache keys.
 *
 * @throws {InvalidOptionError} If an option is invalid. The error names the option.
 * @example
 * const guard = createStampedeGuard({ client, locks, ttl: '1h' })
 * await guard.get('expensive:7', () => db.expensive(7))
 */
export function createStampedeGuard<T>(options: StampedeGuardOptions<T>): StampedeGuard<T> {
  const { client, locks, ttl, jitter, wait, codec, schema } = readOptions(
    'createStampedeGuard',
    guardOptions,
    options,
  )
  const format: Format<T> = createFormat<T>({ codec, schema })
  const rebuilds = new Map<string, Promise<RebuildResult<T>>>()
  const pendingReleases = new PendingReleases()

  return {
    async get(key, rebuild) {
      rawKey(key)
      if (typeof rebuild !== 'function')
        throw new InvalidOptionError('rebuild', 'a function', rebuild)
      for (;;) {
        const entry = await client.entries.read(key, format).catch(report(key))
        if (entry) return entry.value
        const joined = rebuilds.get(key)
        const result = await (joined ?? startRebuild(key, rebuild))
        // A caller that joined may have come after the invalidation that kept the value from being
        // stored. It reads again.
        if (!joined || result.current) return result.value
      }
    },
  }

  function startRebuild(
    key: string,
    rebuild: (context: RebuildContext) => T | Promise<T>,
  ): Promise<RebuildResult<T>> {
    const result = rebuildUnderLock(key, rebuild).finally(() => rebuilds.delete(key))
    rebuilds.set(key, result)
    return result
  }

  async function rebuildUnderLock(
    key: string,
    rebuild: (context: RebuildContext) => T | Promise<T>,
  ): Promise<RebuildResult<T>> {
    const lock = await locks.acquire(key, wait === undefined ? {} : { wait }).catch(report(key))
    if (!lock) {
      // A signal that all rebuilds shared would keep what they add to it.
      const { signal } = new AbortController()
      return { value: await rebuild({ signal }), current: true }
    }
    try {
      return await rebuildUnderLease(key, () => rebuild(lock))
    } finally {
      await lock[Symbol.asyncDispose]()
    }
  }

  /**
   * Reads again, and rebuilds if the value is still missing. An invalidation revokes the lease, so
   * a value that was loaded before it is not stored after it.
   */
  async function rebuildUnderLease(
    key: string,
    rebuild: () => T | Promise<T>,
  ): Promise<RebuildResult<T>> {
    const token = createToken()
    const releaseLease = (): void =>
      pendingReleases.add({
        key,
        ttl: LEASE_TTL,
        release: () => client.entries.release(key, token),
      })
    const lease = await client.entries
      .lease(key, format, { token, ttl: LEASE_TTL, take: true })
      .catch(report(key))
    if (lease?.status === 'hit') return { value: lease.entry.value, current: true }
    if (!lease) releaseLease() // it may have been granted
    let filled = false
    try {
      const value = await rebuild()
      const stored =
        lease?.status === 'leased' &&
        (await client.entries
          .fill(key, format, token, value, { ttl: jittered(ttl, jitter) })
          .catch(report(key)))
      filled = stored !== undefined
      return { value, current: lease === undefined || stored !== false }
    } finally {
      if (lease?.status === 'leased' && !filled) releaseLease()
    }
  }
}

interface RebuildResult<T> {
  readonly value: T
  /** Whether the value was stored, or Redis is down so that there is no newer value to read. */
  readonly current: boolean
}

/**
 * In ms: longer than any rebuild takes. If a rebuilder dies, the next holder of the lock takes over
 * its lease.
 */
const LEASE_TTL = 10 * 60_000

function report(key: string): (error: unknown) => undefined {
  return (error) => {
    emit(channels.error, () => ({ operation: 'stampede guard', key, error }))
    return undefined
  }
}
