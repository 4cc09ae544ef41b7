import type { Entry } from '../entries/entry.js'
import type { EntryStore } from '../entries/store.js'
import { CacheError } from '../errors.js'
import { Slices } from '../util/slices.js'
import { limitAccess, type AccessOf, type EntryAccess } from './access.js'
import type { BackgroundRefresh } from './background-refresh.js'
import { BulkLoad, type LoadKeys } from './bulk-load.js'
import { REDIS_DOWN, continueWithoutRedis, lookUp, type Lookup } from './entry-lookup.js'
import type { Maybe } from './leased-load.js'
import type { LoadCoordinator } from './load-coordinator.js'
import type { LoadPolicy } from './policy.js'
import type { ReadOutage } from './read-outage.js'
import type { Recorder } from './recorder.js'

interface Dependencies<T> {
  readonly recorder: Recorder
  readonly policy: LoadPolicy<T>
  readonly entries: EntryStore
  readonly plainAccess: EntryAccess<T>
  readonly loads: LoadCoordinator<T>
  readonly refresh: BackgroundRefresh<T>
}

interface BulkReadRequest<T> {
  readonly keys: readonly string[]
  readonly loadMany: LoadKeys<T>
  readonly signal: AbortSignal | undefined
  readonly accessOf: AccessOf<T>
  readonly outage: ReadOutage | undefined
  /** The number of the arrival of the call; see `LogicalClock`. */
  readonly arrival: number
}

/** One read of many keys: reads the entries, and loads all missing ones with one call. */
export class BulkRead<T> {
  readonly #dependencies: Dependencies<T>
  readonly #request: BulkReadRequest<T>
  readonly #accessOf: AccessOf<T>

  constructor(dependencies: Dependencies<T>, request: BulkReadRequest<T>) {
    this.#dependencies = dependencies
    this.#request = request
    const { keys, accessOf } = request
    const { atOnce } = dependencies.entries
    this.#accessOf = keys.length > atOnce ? limitAccess(accessOf, atOnce) : accessOf
  }

  /** Resolves to the values in the order of the keys. */
  async run(): Promise<Maybe<T>[]> {
    const { recorder, policy, entries } = this.#dependencies
    const { keys, outage } = this.#request
    const nearEntries = entries.near && (await this.#readNear())
    const lookups = await this.#lookUp(nearEntries)
    if (outage && lookups.includes(REDIS_DOWN)) outage.down = true
    const values: Maybe<T>[] = new Array(keys.length)
    const slices = new Slices()
    const stale = new Map<string, Entry<T>>()
    const missing = new Map<string, Lookup<T>>()
    for (let i = 0; i < keys.length; i++) {
      if (slices.over) await slices.next()
      const key = keys[i]!
      const entry = lookups[i]
      const freshness =
        entry === undefined || entry === REDIS_DOWN ? 'missing' : policy.freshness(entry)
      if (freshness === 'missing' || freshness === 'fallback') {
        missing.set(key, entry)
        continue
      }
      values[i] = (entry as Entry<T>).value
      if (freshness !== 'fresh') stale.set(key, entry as Entry<T>)
      recorder.hit(key, freshness === 'stale', nearEntries?.[i] ? 'near' : 'redis')
    }
    if (stale.size > 0) await this.#refreshAll(stale)
    if (missing.size === 0) return values
    const loaded = await this.#loadAll(missing)
    return keys.map((key, i) => (missing.has(key) ? loaded.get(key) : values[i]))
  }

  async #readNear(): Promise<(Entry<T> | undefined)[]> {
    const slices = new Slices()
    const nearEntries: (Entry<T> | undefined)[] = []
    for (const key of this.#request.keys) {
      if (slices.over) await slices.next()
      nearEntries.push(this.#accessOf(key).near?.(key))
    }
    return nearEntries
  }

  /** Reads from Redis what the near cache does not have. */
  async #lookUp(
    nearEntries: readonly (Entry<T> | undefined)[] | undefined,
  ): Promise<readonly Lookup<T>[]> {
    const { keys, outage } = this.#request
    if (outage?.down) return keys.map((_, i) => nearEntries?.[i] ?? REDIS_DOWN)
    if (!nearEntries) return this.#readFromRedis(keys)
    const otherKeys = keys.filter((_, i) => nearEntries[i] === undefined)
    const lookups = otherKeys.length === 0 ? [] : await this.#readFromRedis(otherKeys)
    let next = 0
    return nearEntries.map((entry) => entry ?? lookups[next++])
  }

  async #readFromRedis(keys: readonly string[]): Promise<Lookup<T>[]> {
    const { entries, policy, plainAccess } = this.#dependencies
    if (policy.needsLife || keys.some((key) => !isPlain(this.#accessOf(key), plainAccess)))
      return startAll(keys, (key) => lookUp(key, this.#accessOf(key), policy))
    const found = await entries.readMany(keys, policy.format, 'near')
    return found.map((entry, i) => {
      if (!(entry instanceof CacheError)) return entry
      continueWithoutRedis(keys[i]!, entry, policy)
      return REDIS_DOWN
    })
  }

  async #refreshAll(stale: ReadonlyMap<string, Entry<T>>): Promise<void> {
    const { refresh } = this.#dependencies
    const bulk = new BulkLoad<T>([...stale.keys()], this.#request.loadMany)
    await startAll(stale, ([key, entry]) =>
      refresh.start({
        key,
        entry,
        access: this.#accessOf(key),
        load: bulk.loader(key),
        onDecided: () => bulk.doNotWaitFor(key),
      }),
    )
  }

  async #loadAll(missing: ReadonlyMap<string, Lookup<T>>): Promise<Map<string, Maybe<T>>> {
    const { loads } = this.#dependencies
    const { loadMany, arrival, signal, outage } = this.#request
    const bulk = new BulkLoad<T>([...missing.keys()], loadMany)
    const loading = startAll(missing, async ([key, lookup]) => {
      try {
        const value = await loads.load({
          key,
          access: this.#accessOf(key),
          arrival,
          load: bulk.loader(key),
          signal,
          redisDown: lookup === REDIS_DOWN,
          staleFallback: lookup === REDIS_DOWN ? undefined : lookup,
          outage,
          onDecided: () => bulk.doNotWaitFor(key),
        })
        return [key, value] as const
      } finally {
        bulk.doNotWaitFor(key)
      }
    })
    try {
      return new Map(await loading)
    } catch (error) {
      await bulk.delivered() // A caller that retries must not join one of these loads.
      throw error
    }
  }
}

/**
 * Starts one step for each item, and resolves to the results in their order. Between the starts of
 * many steps the event loop serves others.
 */
async function startAll<I, R>(
  items: Iterable<I>,
  start: (item: I) => R | Promise<R>,
): Promise<R[]> {
  const slices = new Slices()
  const started: (R | Promise<R>)[] = []
  for (const item of items) {
    if (slices.over) await slices.next()
    const result = start(item)
    // `Promise.all` handles rejections only after all steps have started.
    if (result instanceof Promise) result.catch(() => undefined)
    started.push(result)
  }
  return Promise.all(started)
}

function isPlain<T>(access: EntryAccess<T>, plainAccess: EntryAccess<T>): boolean {
  return (access.unlimited ?? access) === plainAccess
}
