import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '../client/client.js'
import { limitTo } from '../util/concurrency.js'
import type { Entry } from '../entries/entry.js'
import { CacheError } from '../errors.js'
import { Flight, type Landing } from './in-flight-load.js'
import { LazySignal } from '../util/lazy-signal.js'
import { Slices } from '../util/slices.js'
import { channels, emit } from '../client/telemetry.js'
import { createToken } from '../util/token.js'
import { plainEntryAccess, type EntryAccess } from './access.js'
import { BulkLoad, type LoadKeys } from './bulk-load.js'
import { LeasedLoad, type Maybe } from './leased-load.js'
import type { ReadOutage } from './read-outage.js'
import type { Loader } from './loader.js'
import { Moments } from './logical-clock.js'
import type { LoadPolicy } from './policy.js'
import { RememberedErrors } from './remembered-errors.js'

/**
 * The read path that all patterns share: flight → read → lease → load → fill.
 *
 * Every arrival and every question to Redis or the source is a *moment*, counted in order. An
 * answer is good for whoever arrived before its question was asked; who arrived later asks again,
 * as an invalidation may have been acknowledged in between. A filled value is good up to the moment
 * its fill was sent: the lease held until then, so nothing was invalidated since it was taken.
 */
export class ReadPath<T> {
  readonly #client: CacheClient
  readonly #prefix: string
  readonly #policy: LoadPolicy<T>
  readonly #plain: EntryAccess<T>
  readonly #flights = new Map<string, Flight<Maybe<T>>>()
  /** Keys that are reloaded in the background, and since when. */
  readonly #refreshing = new Map<string, number>()
  readonly #background = new Set<Promise<unknown>>()
  readonly #errors: RememberedErrors | undefined
  readonly #moments = new Moments()
  readonly #loads: LeasedLoad<T>
  /** The share of the last reads that found nothing. */
  #misses = 0

  constructor(client: CacheClient, prefix: string, policy: LoadPolicy<T>) {
    this.#client = client
    this.#prefix = prefix
    this.#policy = policy
    this.#plain = plainEntryAccess(client.entries, policy)
    this.#errors =
      policy.errorTtl === undefined
        ? undefined
        : new RememberedErrors(policy.errorTtl, (error) => !policy.retryOn(error))
    this.#loads = new LeasedLoad(prefix, policy, this.#moments, this.#errors)
  }

  /** The value: cached, or loaded by this caller or another one, here or in another process. */
  async get(
    key: string,
    load: Loader<T>,
    signal?: AbortSignal,
    access = this.#plain,
    outage?: ReadOutage,
  ): Promise<Maybe<T>> {
    signal?.throwIfAborted()
    const kept = access.near?.(key)
    if (kept !== undefined && this.#answers(key, kept, access, load, 'near')) return kept.value
    const arrival = this.#moments.arrive()
    if (this.#flights.size > 0 && this.#flightOf(key))
      return this.#ride({
        key,
        access,
        arrival,
        load,
        signal,
        down: false,
        spare: undefined,
        outage,
      })
    if (outage?.down)
      return this.#ride({
        key,
        access,
        arrival,
        load,
        signal,
        down: true,
        spare: undefined,
        outage,
      })
    if (this.#missesPrevail())
      return this.#ride({
        key,
        access,
        arrival,
        load,
        signal,
        down: false,
        spare: undefined,
        unread: true,
        outage,
      })
    let found: Entry<T> | undefined
    try {
      found = await access.read(key)
    } catch (error) {
      this.#unanswered(key, error)
      if (outage) outage.down = true
      return this.#ride({
        key,
        access,
        arrival,
        load,
        signal,
        down: true,
        spare: undefined,
        outage,
      })
    }
    this.#count(found === undefined)
    if (found !== undefined && this.#answers(key, found, access, load, 'redis')) return found.value
    return this.#ride({ key, access, arrival, load, signal, down: false, spare: found, outage })
  }

  /** The values in the order of `keys`; one load of what is missing. */
  async getMany(
    keys: readonly string[],
    loadMany: LoadKeys<T>,
    signal?: AbortSignal,
    accessOf: AccessTo<T> = () => this.#plain,
    outage?: ReadOutage,
  ): Promise<Maybe<T>[]> {
    signal?.throwIfAborted()
    const arrival = this.#moments.arrive()
    const accessTo =
      keys.length > this.#client.entries.atOnce
        ? fewAtOnce(accessOf, this.#client.entries.atOnce)
        : accessOf
    const kept = this.#client.entries.near && (await this.#lookNear(keys, accessTo))
    const found = outage?.down
      ? keys.map((_, i) => kept?.[i] ?? DOWN)
      : kept
        ? await this.#readRest(keys, kept, accessTo)
        : await this.#readMany(keys, accessTo)
    if (outage && found.includes(DOWN)) outage.down = true
    const values: Maybe<T>[] = new Array(keys.length)
    const slices = new Slices()
    const stale = new Map<string, Entry<T>>()
    const missing = new Map<string, Found<T>>()
    for (let i = 0; i < keys.length; i++) {
      if (slices.over) await slices.next()
      const key = keys[i]!
      const entry = found[i]
      const freshness =
        entry === undefined || entry === DOWN ? 'missing' : this.#policy.freshness(entry)
      if (freshness === 'missing' || freshness === 'spare') {
        missing.set(key, entry)
        continue
      }
      values[i] = (entry as Entry<T>).value
      if (freshness !== 'fresh') stale.set(key, entry as Entry<T>)
      emit(channels.hit, () => ({
        prefix: this.#prefix,
        key,
        stale: freshness === 'servable',
        layer: kept?.[i] ? 'near' : 'redis',
      }))
    }
    if (stale.size > 0) await this.#refreshMany(stale, accessTo, loadMany)
    if (missing.size === 0) return values
    const loaded = await this.#rideMany(missing, arrival, accessTo, loadMany, signal, outage)
    return keys.map((key, i) => (missing.has(key) ? loaded.get(key) : values[i]))
  }

  /** What is cached, fresh or stale. */
  async peek(key: string, access = this.#plain, outage?: ReadOutage): Promise<Maybe<T>> {
    const found = access.near?.(key) ?? (outage?.down ? DOWN : await this.#read(key, access))
    if (outage && found === DOWN) outage.down = true
    return found === DOWN || found === undefined ? undefined : found.value
  }

  /**
   * Runs what changes these keys, or all that there are: who reads in this process from now on, and
   * from its end on, joins no load that began before.
   */
  async changing<R>(keys: readonly string[] | 'all', change: () => Promise<R>): Promise<R> {
    this.#forget(keys)
    try {
      return await change()
    } finally {
      this.#forget(keys)
    }
  }

  #forget(keys: readonly string[] | 'all'): void {
    if (keys === 'all') {
      this.#flights.clear()
      this.#errors?.clear()
    } else
      for (const key of keys) {
        this.#flights.delete(key)
        this.#errors?.forget(key)
      }
  }

  #count(missed: boolean): void {
    this.#misses += ((missed ? 1 : 0) - this.#misses) / 16
  }

  /**
   * Then the lease is asked for at once, which answers with the entry where there is one: a round
   * trip less for each miss.
   */
  #missesPrevail(): boolean {
    // Not where an entry may be stale and servable: the one who gets its lease would wait for the
    // load. Nor where errors are remembered: an entry that is there goes before them.
    return (
      this.#misses > 0.5 &&
      !this.#policy.needsLife &&
      this.#errors === undefined &&
      this.#policy.stampede !== 'off'
    )
  }

  async #read(key: string, access: EntryAccess<T>): Promise<Found<T>> {
    try {
      return await access.read(key)
    } catch (error) {
      this.#unanswered(key, error)
      return DOWN
    }
  }

  async #lookNear(
    keys: readonly string[],
    accessTo: AccessTo<T>,
  ): Promise<(Entry<T> | undefined)[]> {
    const slices = new Slices()
    const kept: (Entry<T> | undefined)[] = []
    for (const key of keys) {
      if (slices.over) await slices.next()
      kept.push(accessTo(key).near?.(key))
    }
    return kept
  }

  async #readRest(
    keys: readonly string[],
    kept: readonly (Entry<T> | undefined)[],
    accessTo: AccessTo<T>,
  ): Promise<Found<T>[]> {
    const rest = keys.filter((_, i) => kept[i] === undefined)
    const read = rest.length === 0 ? [] : await this.#readMany(rest, accessTo)
    let next = 0
    return kept.map((entry) => entry ?? read[next++])
  }

  async #readMany(keys: readonly string[], accessTo: AccessTo<T>): Promise<Found<T>[]> {
    if (this.#policy.needsLife || keys.some((key) => !isPlain(accessTo(key), this.#plain)))
      return inParts(keys, (key) => this.#read(key, accessTo(key)))
    const found = await this.#client.entries.readMany(keys, this.#policy.format, 'near')
    return found.map((entry, i) => {
      if (!(entry instanceof CacheError)) return entry
      this.#unanswered(keys[i]!, entry)
      return DOWN
    })
  }

  /**
   * Whether what was found is to be returned; a stale or soon stale entry is reloaded behind the
   * caller's back.
   */
  #answers(
    key: string,
    found: Entry<T>,
    access: EntryAccess<T>,
    load: Loader<T>,
    layer: 'near' | 'redis',
  ): boolean {
    const freshness = this.#policy.needsLife ? this.#policy.freshness(found) : 'fresh'
    if (freshness === 'spare') return false
    if (freshness !== 'fresh') this.#refresh(key, found, access, load)
    if (channels.hit.hasSubscribers)
      channels.hit.publish({ prefix: this.#prefix, key, stale: freshness === 'servable', layer })
    return true
  }

  /** Joins the flight of the key, or starts it, until a landing is good for this arrival. */
  async #ride(trip: Trip<T>): Promise<Maybe<T>> {
    const { key, arrival, signal } = trip
    if (!trip.unread) emit(channels.miss, () => ({ prefix: this.#prefix, key }))
    let { down } = trip
    for (let round = 0; ; round++) {
      signal?.throwIfAborted()
      let flight = round < PATIENCE ? this.#flightOf(key) : undefined
      let landing: Landing<Maybe<T>> | undefined
      if (flight) {
        trip.decided?.()
        landing = await flight.join(signal)
        if (landing === undefined) this.#clear(key, flight)
      } else {
        const known = this.#errors?.get(key)
        if (known && trip.spare) return trip.spare.value
        if (known) throw known.error
        flight = this.#depart({ ...trip, down })
        landing = await flight.board(signal)
      }
      if (landing === undefined) continue
      if (landing.down && trip.outage) trip.outage.down = true
      if (arrival <= landing.asOf) return landing.value
      ;({ down } = landing)
    }
  }

  #depart(trip: Trip<T>): Flight<Maybe<T>> {
    const { key } = trip
    const flight = new Flight<Maybe<T>>(this.#policy.leaseTtl, (self) => {
      const clear = (): void => this.#clear(key, self)
      self.left.onAbort(clear)
      return this.#fly(trip, self.left, clear).finally(clear)
    })
    if (this.#policy.stampede !== 'off') this.#flights.set(key, flight)
    return flight
  }

  /** A load that others may still join. */
  #flightOf(key: string): Flight<Maybe<T>> | undefined {
    const flight = this.#flights.get(key)
    if (flight === undefined || flight.open) return flight
    this.#flights.delete(key)
    return undefined
  }

  #clear(key: string, flight: Flight<Maybe<T>>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }

  async #fly(trip: Trip<T>, left: LazySignal, close: () => void): Promise<Landing<Maybe<T>>> {
    const { key, access } = trip
    const token = createToken()
    const { answer, asOf } = await this.#loads.ask({
      key,
      access,
      token,
      left,
      down: trip.down,
      decided: trip.decided,
    })
    if (trip.unread) {
      this.#count(answer.status !== 'hit')
      if (answer.status !== 'hit') emit(channels.miss, () => ({ prefix: this.#prefix, key }))
    }
    if (answer.status === 'hit') {
      trip.decided?.()
      emit(channels.hit, () => ({ prefix: this.#prefix, key, stale: false, layer: 'redis' }))
      return { value: answer.entry.value, asOf, down: false }
    }
    // before its loader asks other caches
    if (answer.status === 'down' && trip.outage) trip.outage.down = true
    // its answers are not to be shared: who comes from now on loads for itself
    if (answer.status === 'skip') close()
    const down = answer.status === 'down'
    const spare = answer.entry
    if (answer.status === 'stale') return { value: answer.entry.value, asOf, down }
    const loading = this.#loads.run({
      key,
      access,
      load: trip.load,
      token,
      spare,
      spareAsOf: asOf,
      leased: answer.status === 'leased',
      down,
      left,
      close,
      bulk: trip.decided !== undefined,
      outage: trip.outage,
    })
    return spare && this.#policy.soft !== undefined
      ? this.#orStale(loading, spare, asOf, key)
      : loading
  }

  /** Past `loadTimeout.soft` the stale value, while the load goes on. */
  async #orStale(
    loading: Promise<Landing<Maybe<T>>>,
    spare: Entry<T>,
    asOf: number,
    key: string,
  ): Promise<Landing<Maybe<T>>> {
    const timer = new AbortController()
    const late = sleep(this.#policy.soft, undefined, { signal: timer.signal }).then(
      () => undefined,
      () => undefined,
    )
    const landed = await Promise.race([loading, late])
    timer.abort()
    if (landed) return landed
    this.#inBackground(key, loading)
    return { value: spare.value, asOf, down: false }
  }

  #refresh(
    key: string,
    seen: Entry<T>,
    access: EntryAccess<T>,
    load: Loader<T>,
    decided?: () => void,
  ): void {
    if (
      performance.now() < (this.#refreshing.get(key) ?? -Infinity) + this.#policy.leaseTtl ||
      this.#flightOf(key)
    )
      return decided?.()
    this.#inBackground(
      key,
      this.#reload(key, seen, access, load, decided).catch((error: unknown) =>
        this.#report('refresh', key, error),
      ),
    )
  }

  #inBackground(key: string, loading: Promise<unknown>): void {
    const since = performance.now()
    this.#refreshing.set(key, since)
    const work = loading
      .catch(() => undefined)
      .finally(() => {
        this.#background.delete(work)
        if (this.#refreshing.get(key) === since) this.#refreshing.delete(key)
      })
    this.#background.add(work)
    try {
      this.#policy.waitUntil?.(work)
    } catch (error) {
      this.#report('waitUntil', key, error)
    }
  }

  /** Resolves once nothing is reloaded in the background any more. */
  async idle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background)
  }

  async #reload(
    key: string,
    { life = 0 }: Entry<T>,
    access: EntryAccess<T>,
    load: Loader<T>,
    decided?: () => void,
  ): Promise<void> {
    const token = createToken()
    const answer = await access
      .lease(key, { token, ttl: this.#policy.leaseTtl, staleBelow: life })
      .catch((error: unknown) => {
        decided?.()
        throw error
      })
    if (answer.status !== 'leased') return decided?.()
    const spare = answer.entry
    await this.#loads.run({
      key,
      access,
      load,
      left: new LazySignal(),
      down: false,
      token,
      spare,
      spareAsOf: 0,
      leased: true,
      close: () => undefined,
      background: true,
      bulk: decided !== undefined,
      outage: undefined,
    })
  }

  async #refreshMany(
    stale: ReadonlyMap<string, Entry<T>>,
    accessTo: AccessTo<T>,
    loadMany: LoadKeys<T>,
  ): Promise<void> {
    const bulk = new BulkLoad<T>([...stale.keys()], loadMany)
    await inParts(stale, ([key, seen]) =>
      this.#refresh(key, seen, accessTo(key), bulk.loader(key), () => bulk.pass(key)),
    )
  }

  async #rideMany(
    missing: ReadonlyMap<string, Found<T>>,
    arrival: number,
    accessTo: AccessTo<T>,
    loadMany: LoadKeys<T>,
    signal: AbortSignal | undefined,
    outage: ReadOutage | undefined,
  ): Promise<Map<string, Maybe<T>>> {
    const bulk = new BulkLoad<T>([...missing.keys()], loadMany)
    const loads = inParts(missing, async ([key, found]) => {
      const down = found === DOWN
      try {
        const value = await this.#ride({
          key,
          access: accessTo(key),
          arrival,
          load: bulk.loader(key),
          signal,
          down,
          spare: down ? undefined : found,
          outage,
          decided: () => bulk.pass(key),
        })
        return [key, value] as const
      } finally {
        bulk.pass(key)
      }
    })
    try {
      return new Map(await loads)
    } catch (error) {
      await bulk.told() // so that who asks again joins none of these loads
      throw error
    }
  }

  /** Goes on without Redis, or does not. */
  #unanswered(key: string, error: unknown): void {
    this.#report('read', key, error)
    if (this.#policy.inOutage === 'reject') throw error
  }

  #report(operation: string, key: string, error: unknown): void {
    emit(channels.error, () => ({ operation, key, error }))
  }
}

/** One caller's way to a value. */
interface Trip<T> {
  readonly key: string
  readonly access: EntryAccess<T>
  readonly arrival: number
  readonly load: Loader<T>
  readonly signal: AbortSignal | undefined
  /** Redis is known not to answer: go to the source at once. */
  readonly down: boolean
  /** What this caller's own read found: too stale to be served, unless the loader throws. */
  readonly spare: Entry<T> | undefined
  readonly outage?: ReadOutage | undefined
  /** Nobody has looked yet whether there is an entry. */
  readonly unread?: boolean
  /**
   * Of one of many keys that are loaded together: called as soon as it is known whether this key is
   * loaded here and now.
   */
  readonly decided?: () => void
}

/**
 * Begins with each of them, and lets the event loop run between, where there are many. In their
 * order.
 */
async function inParts<I, R>(items: Iterable<I>, begin: (item: I) => R | Promise<R>): Promise<R[]> {
  const slices = new Slices()
  const begun: (R | Promise<R>)[] = []
  for (const item of items) {
    if (slices.over) await slices.next()
    const one = begin(item)
    if (one instanceof Promise) one.catch(() => undefined) // it is waited for once all have begun
    begun.push(one)
  }
  return Promise.all(begun)
}

type AccessTo<T> = (key: string) => EntryAccess<T>

/** The same, with so many steps under way that there is room for other calls. */
function fewAtOnce<T>(accessTo: AccessTo<T>, most: number): AccessTo<T> {
  const limited = limitTo(most)
  return (key) => {
    const access = accessTo(key)
    return {
      ...(access.near && { near: (near: string) => access.near!(near) }),
      limits: access,
      read: (...asked) => limited(() => access.read(...asked)),
      lease: (...asked) => limited(() => access.lease(...asked)),
      fill: (...asked) => limited(() => access.fill(...asked)),
      renew: (...asked) => limited(() => access.renew(...asked)),
      release: (...asked) => limited(() => access.release(...asked)),
    }
  }
}

function isPlain<T>(access: EntryAccess<T>, plain: EntryAccess<T>): boolean {
  return (access.limits ?? access) === plain
}

type Found<T> = Entry<T> | undefined | typeof DOWN

const DOWN: unique symbol = Symbol('Redis did not answer')
/** Landings that a caller may find too old before it loads for itself. */
const PATIENCE = 3
