import {
  InvalidOptionError,
  channels,
  json,
  type CacheClient,
  type Codec,
  type Duration,
  type Schema,
} from '@cache/core'
import {
  checkClient,
  PendingReleases,
  checkOptions,
  createFormat,
  createToken,
  jittered,
  rawKey,
  emit,
  type Format,
} from '@cache/core/internal'
import type { Locks } from './locks.js'

export interface StampedeGuardOptions<T> {
  readonly client: CacheClient
  /**
   * Who rebuilds: the one that holds the lock with the key's name. Any implementation of `Locks`.
   */
  readonly locks: Locks
  /** How long a value is kept. */
  readonly ttl: Duration
  /** The share by which each ttl varies at random. Default 0. */
  readonly jitter?: number
  /**
   * How long to wait for another's rebuild before one rebuilds for oneself. Default: as `locks`
   * waits.
   */
  readonly wait?: Duration
  /** How values become bytes. Default `json`. */
  readonly codec?: Codec<T>
  /** Any Standard Schema. What does not fit is rebuilt. */
  readonly schema?: Schema<T>
}

/** What `rebuild` is told. */
export interface RebuildContext {
  /** Aborts when the lock is lost: then another may be rebuilding. */
  readonly signal: AbortSignal
}

/**
 * Get with a lock, for code that has its own cache keys. Promises: among all processes one rebuilds
 * a missing value, the others wait for it; if it dies, the next one rebuilds; with Redis down
 * everyone rebuilds for oneself, once per process and key. A value whose key was invalidated (by
 * core's entries) while it was rebuilt is not stored.
 */
export interface StampedeGuard<T> {
  /**
   * What is stored under `key` (the Redis key as it is, no namespace is added), or what `rebuild`
   * answers. Rejects with the error of `rebuild`; with `InvalidKeyError` before anything is sent.
   */
  get<V extends T>(key: string, rebuild: (context: RebuildContext) => V | Promise<V>): Promise<T>
}

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const guarded = createStampedeGuard({ client, locks, ttl: '1h' })
 * await guarded.get('expensive:7', () => db.expensive(7))
 */
export function createStampedeGuard<T>(options: StampedeGuardOptions<T>): StampedeGuard<T> {
  const check = checkOptions('createStampedeGuard', options, [
    'client',
    'locks',
    'ttl',
    'jitter',
    'wait',
    'codec',
    'schema',
  ])
  const client = checkClient(check)
  const locks = check.shaped<Locks>(
    'locks',
    ['acquire', 'tryAcquire', 'withLock'],
    'what createLocks(…) or createRedlock(…) made',
  )
  const ttl = check.duration('ttl')
  const jitter = check.number('jitter', { min: 0, max: 1 }, 0)
  const wait = check.duration('wait', undefined)
  const { codec = json as Codec<T>, schema } = options
  const format: Format<T> = createFormat<T>({ codec, schema })
  const rebuilding = new Map<string, Promise<Rebuilt<T>>>()
  const releases = new PendingReleases()

  return {
    async get(key, rebuild) {
      rawKey(key)
      if (typeof rebuild !== 'function')
        throw new InvalidOptionError('rebuild', 'a function', rebuild)
      for (;;) {
        const found = await client.entries.read(key, format).catch(report(key))
        if (found) return found.value
        const joined = rebuilding.get(key)
        const rebuilt = await (joined ?? start(key, rebuild))
        // Who joined may have come after the invalidation that refused the value: it looks again.
        if (!joined || rebuilt.current) return rebuilt.value
      }
    },
  }

  function start(
    key: string,
    rebuild: (context: RebuildContext) => T | Promise<T>,
  ): Promise<Rebuilt<T>> {
    const mine = underLock(key, rebuild).finally(() => rebuilding.delete(key))
    rebuilding.set(key, mine)
    return mine
  }

  async function underLock(
    key: string,
    rebuild: (context: RebuildContext) => T | Promise<T>,
  ): Promise<Rebuilt<T>> {
    const lock = await locks.acquire(key, wait === undefined ? {} : { wait }).catch(report(key))
    if (!lock) return { value: await rebuild({ signal: NEVER }), current: true }
    try {
      return await lookAgain(key, () => rebuild(lock))
    } finally {
      await lock[Symbol.asyncDispose]()
    }
  }

  /**
   * The lease is what an invalidation takes away, so that what was loaded before it is not stored
   * after it.
   */
  async function lookAgain(key: string, rebuild: () => T | Promise<T>): Promise<Rebuilt<T>> {
    const token = createToken()
    const giveBack = (): void =>
      releases.add({ key, ttl: LEASE_TTL, release: () => client.entries.release(key, token) })
    const lease = await client.entries
      .lease(key, format, { token, ttl: LEASE_TTL, take: true })
      .catch(report(key))
    if (lease?.status === 'hit') return { value: lease.entry.value, current: true }
    if (!lease) giveBack() // it may have been granted
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
      if (lease?.status === 'leased' && !filled) giveBack()
    }
  }
}

interface Rebuilt<T> {
  readonly value: T
  /** It was stored, or Redis is out and there is nothing newer to be had. */
  readonly current: boolean
}

/** Longer than any rebuild takes; the next holder of the lock takes it over from one that died. */
const LEASE_TTL = 10 * 60_000

const NEVER = new AbortController().signal

function report(key: string): (error: unknown) => undefined {
  return (error) => {
    emit(channels.error, () => ({ operation: 'stampede guard', key, error }))
    return undefined
  }
}
