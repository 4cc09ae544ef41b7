import type { CacheClient } from '../client/client.js'
import type { Entry } from '../entries/entry.js'
import { plainEntryAccess, type AccessOf, type EntryAccess } from './access.js'
import { BackgroundRefresh } from './background-refresh.js'
import { BackgroundWork } from './background-work.js'
import type { LoadKeys } from './bulk-load.js'
import { BulkRead } from './bulk-read.js'
import type { CacheStats } from './cache-stats.js'
import { REDIS_DOWN, continueWithoutRedis, lookUp } from './entry-lookup.js'
import { Epoch, EpochAccess, unclearable, withEpoch } from './epoch.js'
import { ForcedRefresh } from './forced-refresh.js'
import { LeasedLoad, type Maybe } from './leased-load.js'
import { LoadCoordinator } from './load-coordinator.js'
import type { Loader } from './loader.js'
import { LogicalClock } from './logical-clock.js'
import { MissRate } from './miss-rate.js'
import type { LoadPolicy, StoreOptions } from './policy.js'
import type { ReadOutage } from './read-outage.js'
import { requireFunction } from '../util/options.js'
import { Recorder, type Counted } from './recorder.js'
import { RememberedErrors } from './remembered-errors.js'

/** A cached value, and how fresh it is. */
export interface Inspected<T> {
  readonly value: T
  /**
   * For how many milliseconds the value is still fresh, by the clock of Redis. A stale value has
   * been so for the negative of this. `Infinity` if the value does not expire.
   */
  readonly freshFor: number
}

/**
 * The read path that all patterns share: read the entry, join a load of this process, acquire the
 * lease, call the loader, fill the entry.
 *
 * A logical clock counts arrivals, and each request to Redis or the source notes its count. An
 * answer is valid for every caller that arrived before its request was sent. A caller that arrived
 * later asks again, because an invalidation may have been acknowledged in between. A filled value
 * is valid for all arrivals up to the sending of its fill: the lease was held until then, so there
 * was no invalidation since the lease was taken.
 */
export class ReadPath<T> {
  readonly #client: CacheClient
  readonly #recorder: Recorder
  readonly #policy: LoadPolicy<T>
  readonly #plainAccess: EntryAccess<T>
  /** What all entries depend on, if the cache is clearable. */
  readonly epoch: Epoch | undefined
  readonly #clock = new LogicalClock()
  readonly #missRate = new MissRate()
  readonly #background: BackgroundWork
  readonly #loads: LoadCoordinator<T>
  readonly #refresh: BackgroundRefresh<T>
  readonly #forcedRefresh: ForcedRefresh<T>
  readonly #hasRememberedErrors: boolean
  /** Whether a near entry must be checked: it may be stale, or depends on the epoch. */
  readonly #checksNearEntries: boolean

  constructor(client: CacheClient, prefix: string, policy: LoadPolicy<T>) {
    this.#client = client
    const recorder = (this.#recorder = new Recorder(prefix))
    this.#policy = policy
    this.#plainAccess = plainEntryAccess(client.entries, policy)
    this.epoch = policy.clearable ? new Epoch(client, prefix, policy) : undefined
    const errors =
      policy.errorTtl === undefined
        ? undefined
        : new RememberedErrors(policy.errorTtl, (error) => !policy.retryOn(error))
    this.#hasRememberedErrors = errors !== undefined
    this.#checksNearEntries = policy.needsLife || this.epoch !== undefined
    const leasedLoad = new LeasedLoad(recorder, policy, this.#clock, errors)
    const background = (this.#background = new BackgroundWork(policy.waitUntil))
    const missRate = this.#missRate
    this.#loads = new LoadCoordinator({
      recorder,
      policy,
      leasedLoad,
      background,
      missRate,
      errors,
    })
    this.#refresh = new BackgroundRefresh(policy, leasedLoad, this.#loads, background)
    this.#forcedRefresh = new ForcedRefresh(policy, leasedLoad)
  }

  /** Resolves to the value: cached, or loaded by this or another caller of any process. */
  get(
    key: string,
    load: Loader<T>,
    signal?: AbortSignal,
    access?: EntryAccess<T>,
    outage?: ReadOutage,
  ): Promise<Maybe<T>> {
    return this.nearHit(key, signal, access) ?? this.read(key, load, signal, access, outage)
  }

  /**
   * Returns the value if the near cache has it and it needs no check. This is the whole work of a
   * near hit: it costs one promise and nothing else.
   */
  nearHit(
    key: string,
    signal: AbortSignal | undefined,
    access = this.#plainAccess,
  ): Promise<Maybe<T>> | undefined {
    if (this.#checksNearEntries || signal?.aborted) return undefined
    let entry: Entry<T> | undefined
    try {
      entry = access.near?.(key)
    } catch (error) {
      return Promise.reject(error as Error)
    }
    if (entry === undefined) return undefined
    this.#recorder.hit(key, false, 'near')
    return Promise.resolve(entry.value)
  }

  /**
   * Resolves to the value like `get`, after `nearHit` has returned nothing. `onDecided` is for a
   * read whose load may be combined with others: it is called as soon as it is known that this read
   * does not load now.
   */
  async read(
    key: string,
    load: Loader<T>,
    signal?: AbortSignal,
    access = this.#newAccess(),
    outage?: ReadOutage,
    onDecided?: () => void,
  ): Promise<Maybe<T>> {
    signal?.throwIfAborted()
    const nearEntry = this.#checksNearEntries ? access.near?.(key) : undefined
    if (nearEntry !== undefined && this.#canServe(key, nearEntry, access, load, 'near'))
      return nearEntry.value
    const arrival = this.#clock.tick()
    let redisDown = false
    let unread = false
    let staleFallback: Entry<T> | undefined
    if (this.#loads.isJoinable(key)) {
      // The caller joins below.
    } else if (outage?.down) redisDown = true
    else if (this.#leasesFirst()) unread = true
    else {
      let entry: Entry<T> | undefined
      try {
        entry = await access.read(key)
      } catch (error) {
        continueWithoutRedis(key, error, this.#policy)
        if (outage) outage.down = true
        redisDown = true
      }
      if (!redisDown) this.#missRate.record(entry === undefined)
      if (entry !== undefined && this.#canServe(key, entry, access, load, 'redis'))
        return entry.value
      staleFallback = entry
    }
    return this.#loads.load({
      key,
      access,
      arrival,
      load,
      signal,
      redisDown,
      staleFallback,
      unread,
      outage,
      onDecided,
    })
  }

  /** Resolves to the values in the order of `keys`. Loads all missing ones together. */
  async getMany(
    keys: readonly string[],
    loadMany: LoadKeys<T>,
    signal?: AbortSignal,
    accessOf: AccessOf<T> = this.#newAccesses(),
    outage?: ReadOutage,
  ): Promise<Maybe<T>[]> {
    signal?.throwIfAborted()
    const read = new BulkRead(
      {
        recorder: this.#recorder,
        policy: this.#policy,
        entries: this.#client.entries,
        plainAccess: this.#plainAccess,
        loads: this.#loads,
        refresh: this.#refresh,
      },
      { keys, loadMany, signal, accessOf, outage, arrival: this.#clock.tick() },
    )
    return read.run()
  }

  /** Resolves to the cached value, fresh or stale, without loading. */
  async peek(key: string, access = this.#newAccess(), outage?: ReadOutage): Promise<Maybe<T>> {
    return (await this.#peekEntry(key, access, outage))?.value
  }

  /** Resolves to the cached value like `peek`, and for how long it is still fresh. */
  async inspect(
    key: string,
    access = this.#newAccess(),
    outage?: ReadOutage,
  ): Promise<Inspected<T> | undefined> {
    const entry = await this.#peekEntry(key, access, outage, true)
    return entry && { value: entry.value, freshFor: entry.life! - this.#policy.staleBelow }
  }

  /**
   * Resolves to whether there is an entry that can be decoded, fresh or stale. An absent entry is
   * one too.
   */
  async has(key: string, access = this.#newAccess()): Promise<boolean> {
    return (await this.#peekEntry(key, access)) !== undefined
  }

  async #peekEntry(
    key: string,
    access: EntryAccess<T>,
    outage?: ReadOutage,
    withLife?: boolean,
  ): Promise<Entry<T> | undefined> {
    const entry =
      access.near?.(key) ??
      (outage?.down ? REDIS_DOWN : await lookUp(key, access, this.#policy, withLife))
    if (entry !== REDIS_DOWN) return entry
    if (outage) outage.down = true
    return undefined
  }

  /**
   * Loads now, and replaces the cached value once the load has succeeded. `dropsKey` returns the
   * key to delete if the new value can't be cached; by default it is `key`.
   */
  async refresh(
    key: string,
    load: Loader<T>,
    {
      signal,
      access = this.#newAccess(),
      dropsKey = async () => key,
    }: {
      readonly signal?: AbortSignal | undefined
      readonly access?: EntryAccess<T>
      readonly dropsKey?: () => Promise<string>
    } = {},
  ): Promise<Maybe<T>> {
    requireFunction('load', load, 'a function that loads the value')
    const value = await this.#forcedRefresh.run({
      key,
      access,
      load,
      signal,
      drop: async (version) => this.#client.entries.invalidate([await dropsKey()], version),
    })
    // Loads that began earlier may return an older value.
    this.#loads.forget([key])
    return value
  }

  /**
   * Runs a change of these keys, or of all keys. Reads of this process that begin after the start
   * of the change, and again after its end, join no load that began earlier. `counted` says as what
   * `stats` counts the keys once the change has succeeded.
   */
  async changing<R>(
    keys: readonly string[] | 'all',
    change: () => Promise<R>,
    counted?: Counted,
  ): Promise<R> {
    this.#loads.forget(keys)
    try {
      const result = await change()
      if (counted && keys !== 'all') this.count(counted, keys.length)
      return result
    } finally {
      this.#loads.forget(keys)
    }
  }

  /** Counts changes that `changing` can't count. */
  count(what: Counted, by: number): void {
    this.#recorder.count(what, by)
  }

  /** Returns what this cache has done so far. */
  stats(): CacheStats {
    return this.#recorder.snapshot()
  }

  /** Stores a value that is known to be current. Resolves to whether it is valid from then on. */
  async put(key: string, value: T, storing: StoreOptions): Promise<boolean> {
    const { entries } = this.#client
    const { format } = this.#policy
    if (!this.epoch) return entries.put(key, format, value, storing)
    const epoch = await this.epoch.ensure()
    return this.epoch.stillIs(epoch, entries.put(key, format, value, withEpoch(storing, epoch)))
  }

  /** Makes all entries invalid. @throws {UsageError} if the cache is not clearable. */
  async clear(): Promise<void> {
    const { epoch } = this
    if (!epoch) throw unclearable(this.#recorder.prefix)
    return this.changing('all', () => epoch.clear())
  }

  /** Returns the access to the entry of one call. */
  #newAccess(): EntryAccess<T> {
    return this.epoch ? new EpochAccess(this.#plainAccess, this.epoch) : this.#plainAccess
  }

  /** Returns the accesses to the entries of one call, by their keys. */
  #newAccesses(): AccessOf<T> {
    if (!this.epoch) return () => this.#plainAccess
    const accesses = new Map<string, EntryAccess<T>>()
    return (key) => {
      const access = accesses.get(key) ?? this.#newAccess()
      accesses.set(key, access)
      return access
    }
  }

  /** Resolves once no load goes on in the background. */
  idle(): Promise<void> {
    return this.#background.idle()
  }

  /**
   * Whether to ask for the lease without reading first. The request for the lease returns the entry
   * if there is one, so each miss saves a round trip.
   */
  #leasesFirst(): boolean {
    // Not if entries may be stale and servable: the caller that gets the lease would wait for the
    // load. Not if errors are remembered either: an existing entry takes precedence over them.
    return (
      this.#missRate.isHigh &&
      !this.#policy.needsLife &&
      !this.#hasRememberedErrors &&
      this.#policy.stampede !== 'off'
    )
  }

  /**
   * Whether the entry may be returned. Starts a reload in the background if it is stale, or soon
   * will be.
   */
  #canServe(
    key: string,
    entry: Entry<T>,
    access: EntryAccess<T>,
    load: Loader<T>,
    layer: 'near' | 'redis',
  ): boolean {
    const freshness = this.#policy.needsLife ? this.#policy.freshness(entry) : 'fresh'
    if (freshness === 'fallback') return false
    if (freshness !== 'fresh') this.#refresh.start({ key, entry, access, load })
    this.#recorder.hit(key, freshness === 'stale', layer)
    return true
  }
}
