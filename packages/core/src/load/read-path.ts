import { setTimeout as sleep } from 'node:timers/promises'
import type { CacheClient } from '../client.js'
import type { Entry, Lease } from '../entries/store.js'
import { CacheError, CodecError, CommandTimeoutError, ConnectionError, ServerError } from '../errors.js'
import { Flight, type Landing } from '../flight.js'
import { LazySignal } from '../lazy-signal.js'
import { channels, tell } from '../telemetry.js'
import { createToken } from '../token.js'
import { BulkLoad, type LoadMany } from './bulk.js'
import { callLoader, type Loaded, type Loader } from './loader.js'
import type { LoadPolicy } from './policy.js'
import { RememberedErrors } from './remembered-errors.js'

type Maybe<T> = T | null | undefined

/**
 * The read path that all patterns share: flight → read → lease → load → fill.
 *
 * Every arrival and every question to Redis or the source is a *moment*, counted in order. An answer is good for whoever arrived
 * before its question was asked; who arrived later asks again, as an invalidation may have been acknowledged in between. A filled
 * value is good up to the moment its fill was sent: the lease held until then, so nothing was invalidated since it was taken.
 */
export class ReadPath<T> {
  readonly #client: CacheClient
  readonly #prefix: string
  readonly #policy: LoadPolicy<T>
  readonly #flights = new Map<string, Flight<Maybe<T>>>()
  readonly #refreshing = new Set<string>()
  readonly #errors: RememberedErrors | undefined
  #moment = 0
  /** The share of the last reads that found nothing. */
  #misses = 0

  constructor(client: CacheClient, prefix: string, policy: LoadPolicy<T>) {
    this.#client = client
    this.#prefix = prefix
    this.#policy = policy
    this.#errors = policy.errorTtl === undefined ? undefined : new RememberedErrors(policy.errorTtl, (error) => !policy.retryOn(error))
  }

  /** The value: cached, or loaded by this caller or another one, here or in another process. */
  async get(key: string, load: Loader<T>, signal?: AbortSignal): Promise<Maybe<T>> {
    signal?.throwIfAborted()
    const arrival = ++this.#moment
    if (this.#flights.size > 0 && this.#flights.has(key)) return this.#ride({ key, arrival, load, signal, down: false, spare: undefined })
    if (this.#missesPrevail()) return this.#ride({ key, arrival, load, signal, down: false, spare: undefined, unread: true })
    let found: Entry<T> | undefined
    try {
      found = await this.#ask(key)
    } catch (error) {
      this.#report('read', key, error)
      return this.#ride({ key, arrival, load, signal, down: true, spare: undefined })
    }
    this.#count(found === undefined)
    if (found !== undefined && this.#answers(key, found, load)) return found.value
    return this.#ride({ key, arrival, load, signal, down: false, spare: found })
  }

  /** The values in the order of `keys`; one load of what is missing. */
  async getMany(keys: readonly string[], loadMany: LoadMany<T>, signal?: AbortSignal): Promise<Maybe<T>[]> {
    signal?.throwIfAborted()
    const arrival = ++this.#moment
    const found = await this.#readMany(keys)
    const values: Maybe<T>[] = new Array(keys.length)
    const stale = new Map<string, Entry<T>>()
    const missing = new Map<string, Found<T>>()
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      const entry = found[i]
      const freshness = entry === undefined || entry === DOWN ? 'missing' : this.#policy.freshness(entry)
      if (freshness === 'missing' || freshness === 'spare') {
        missing.set(key, entry)
        continue
      }
      values[i] = (entry as Entry<T>).value
      if (freshness !== 'fresh') stale.set(key, entry as Entry<T>)
      tell(channels.hit, () => ({ prefix: this.#prefix, key, stale: freshness === 'servable', layer: 'redis' }))
    }
    this.#refreshMany(stale, loadMany)
    if (missing.size === 0) return values
    const loaded = await this.#rideMany(missing, arrival, loadMany, signal)
    return keys.map((key, i) => (missing.has(key) ? loaded.get(key) : values[i]))
  }

  /** What is cached, fresh or stale. */
  async peek(key: string): Promise<Maybe<T>> {
    const found = await this.#read(key)
    return found === DOWN || found === undefined ? undefined : found.value
  }

  /** Lets go of the loads under way: callers from now on start anew. Called before and after an invalidation. */
  forget(keys: readonly string[]): void {
    for (const key of keys) {
      this.#flights.delete(key)
      this.#errors?.forget(key)
    }
  }

  #count(missed: boolean): void {
    this.#misses += ((missed ? 1 : 0) - this.#misses) / 16
  }

  /** Then the lease is asked for at once, which answers with the entry where there is one: a round trip less for each miss. */
  #missesPrevail(): boolean {
    // Not where an entry may be stale and servable: the one who gets its lease would wait for the load.
    return this.#misses > 0.5 && !this.#policy.needsLife && this.#policy.stampede !== 'off'
  }

  #ask(key: string): Promise<Entry<T> | undefined> {
    const { entries } = this.#client
    return this.#policy.needsLife ? entries.readWithLife(key, this.#policy.format) : entries.read(key, this.#policy.format)
  }

  async #read(key: string): Promise<Found<T>> {
    try {
      return await this.#ask(key)
    } catch (error) {
      this.#report('read', key, error)
      return DOWN
    }
  }

  async #readMany(keys: readonly string[]): Promise<Found<T>[]> {
    if (this.#policy.needsLife) return Promise.all(keys.map((key) => this.#read(key)))
    const found = await this.#client.entries.readMany(keys, this.#policy.format)
    return found.map((entry, i) => {
      if (!(entry instanceof CacheError)) return entry
      this.#report('read', keys[i]!, entry)
      return DOWN
    })
  }

  /** Whether what was found is to be returned; a stale or soon stale entry is reloaded behind the caller's back. */
  #answers(key: string, found: Entry<T>, load: Loader<T>): boolean {
    const freshness = this.#policy.freshness(found)
    if (freshness === 'spare') return false
    if (freshness !== 'fresh') this.#refresh(key, found, load)
    tell(channels.hit, () => ({ prefix: this.#prefix, key, stale: freshness === 'servable', layer: 'redis' }))
    return true
  }

  /** Joins the flight of the key, or starts it, until a landing is good for this arrival. */
  async #ride(trip: Trip<T>): Promise<Maybe<T>> {
    const { key, arrival, signal } = trip
    if (!trip.unread) tell(channels.miss, () => ({ prefix: this.#prefix, key }))
    let { down } = trip
    for (let round = 0; ; round++) {
      signal?.throwIfAborted()
      let flight = round < PATIENCE ? this.#flights.get(key) : undefined
      if (flight) trip.decided?.()
      else {
        const known = this.#errors?.get(key)
        if (known && trip.spare) return trip.spare.value
        if (known) throw known.error
        flight = this.#depart({ ...trip, down })
      }
      const landing = await flight.join(signal)
      if (arrival <= landing.asOf) return landing.value
      ;({ down } = landing)
    }
  }

  #depart(trip: Trip<T>): Flight<Maybe<T>> {
    const { key } = trip
    const flight = new Flight<Maybe<T>>((self) => {
      const clear = (): void => this.#clear(key, self)
      return this.#fly(trip, self.left, clear).finally(clear)
    })
    if (this.#policy.stampede !== 'off') this.#flights.set(key, flight)
    return flight
  }

  #clear(key: string, flight: Flight<Maybe<T>>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }

  async #fly(trip: Trip<T>, left: LazySignal, close: () => void): Promise<Landing<Maybe<T>>> {
    const { key } = trip
    const token = createToken()
    const { answer, asOf } = await this.#lease(trip, token, left)
    if (trip.unread) {
      this.#count(answer.status !== 'hit')
      if (answer.status !== 'hit') tell(channels.miss, () => ({ prefix: this.#prefix, key }))
    }
    if (answer.status === 'hit') {
      trip.decided?.()
      tell(channels.hit, () => ({ prefix: this.#prefix, key, stale: false, layer: 'redis' }))
      return { value: answer.entry.value, asOf, down: false }
    }
    if (answer.status === 'skip') close() // its answers are not to be shared: who comes from now on loads for itself
    const down = answer.status === 'down'
    const spare = answer.entry
    if (answer.status === 'stale') return { value: answer.entry.value, asOf, down }
    const loading = this.#loadAndFill({ key, load: trip.load, token, spare, spareAsOf: asOf, leased: answer.status === 'leased', down, left, close })
    return spare && this.#policy.soft !== undefined ? this.#orStale(loading, spare, asOf, key) : loading
  }

  /** The right to load, once it is clear: waits while another process loads, as long as the policy says. */
  async #lease({ key, down, decided }: Trip<T>, token: string, left: LazySignal): Promise<{ readonly answer: Answer<T>; readonly asOf: number }> {
    const { format, leaseTtl, staleBelow, stampede, soft, waitFor } = this.#policy
    const started = performance.now()
    const until = started + waitFor
    const softUntil = started + (soft ?? Infinity)
    for (;;) {
      const asOf = this.#moment
      if (down) return { answer: { status: 'down', entry: undefined }, asOf }
      try {
        const answer = await this.#client.entries.lease(key, format, { token, ttl: leaseTtl, staleBelow: staleBelow || -1, take: stampede !== 'lease' })
        if (answer.status !== 'wait') return { answer, asOf }
        decided?.()
        const { entry } = answer
        if (entry && performance.now() >= softUntil) return { answer: { status: 'stale', entry }, asOf }
        const now = performance.now()
        const patience = (entry ? Math.min(until, softUntil) : until) - now
        if (patience <= 0) return { answer: { status: 'bypass', entry }, asOf }
        await sleep(Math.max(1, Math.min(pauseAfter(now - started), answer.remaining + 1, patience)), undefined, { signal: left.signal })
      } catch (error) {
        if (left.aborted) throw left.reason
        this.#report('lease', key, error)
        return { answer: { status: 'down', entry: undefined }, asOf }
      }
    }
  }

  async #loadAndFill(job: Job<T>): Promise<Landing<Maybe<T>>> {
    const { key, load, token, spare, leased, down, left, close } = job
    const asOf = this.#moment
    let loaded: Loaded<T>
    const stale = spare && !spare.absent ? spare.value : undefined
    const started = performance.now()
    try {
      loaded = await callLoader({ key, load, stale, left, hard: this.#policy.hard })
      tell(channels.load, () => ({ prefix: this.#prefix, key, ms: loaded.ms, background: job.background === true }))
    } catch (error) {
      tell(channels.load, () => ({ prefix: this.#prefix, key, ms: performance.now() - started, background: job.background === true, error }))
      close()
      if (leased) this.#release(key, token, 0)
      if (spare && !left.aborted) return { value: spare.value, asOf: job.spareAsOf, down }
      this.#errors?.add(key, error)
      throw error
    }
    close() // who comes from now on asks Redis, behind the fill
    const filledAsOf = this.#moment
    const held = leased && (await this.#fill(key, token, loaded))
    return { value: loaded.value, asOf: held ? filledAsOf : asOf, down }
  }

  /** Ends the lease, with the value if it is to be kept. Whether the lease still held: `false` where an invalidation or a writer came first, or Redis did not answer. */
  async #fill(key: string, token: string, { value, ms, ttl, skipped }: Loaded<T>): Promise<boolean> {
    try {
      const storing = skipped ? undefined : this.#policy.storing(value, { ttl, computeTime: ms })
      if (!storing) return await this.#client.entries.release(key, token, skipped ? SKIP_FOR : 0)
      const stored = await this.#client.entries.fill(key, this.#policy.format, token, value as T, storing)
      tell(channels.fill, () => ({ prefix: this.#prefix, key, stored }))
      return stored
    } catch (error) {
      this.#report('fill', key, error)
      const tooLarge = error instanceof CodecError && error.code === 'VALUE_TOO_LARGE'
      this.#release(key, token, tooLarge ? SKIP_FOR : 0)
      if (tooLarge || isRedisTrouble(error)) return false
      throw error
    }
  }

  /** Not waited for: if it gets lost, the lease ends by itself. */
  #release(key: string, token: string, skipFor: number): void {
    this.#client.entries.release(key, token, skipFor).catch((error: unknown) => this.#report('release', key, error))
  }

  /** Past `loadTimeout.soft` the stale value, while the load goes on. */
  async #orStale(loading: Promise<Landing<Maybe<T>>>, spare: Entry<T>, asOf: number, key: string): Promise<Landing<Maybe<T>>> {
    const timer = new AbortController()
    const late = sleep(this.#policy.soft, undefined, { signal: timer.signal }).then(() => undefined, () => undefined)
    const landed = await Promise.race([loading, late])
    timer.abort()
    if (landed) return landed
    this.#refreshing.add(key)
    loading.catch(() => undefined).finally(() => this.#refreshing.delete(key))
    return { value: spare.value, asOf, down: false }
  }

  #refresh(key: string, seen: Entry<T>, load: Loader<T>, decided?: () => void): void {
    if (this.#refreshing.has(key) || this.#flights.has(key)) return decided?.()
    this.#refreshing.add(key)
    void this.#reload(key, seen, load, decided)
      .catch((error: unknown) => this.#report('refresh', key, error))
      .finally(() => this.#refreshing.delete(key))
  }

  async #reload(key: string, { life = 0 }: Entry<T>, load: Loader<T>, decided?: () => void): Promise<void> {
    const token = createToken()
    const { format, leaseTtl } = this.#policy
    const answer = await this.#client.entries.lease(key, format, { token, ttl: leaseTtl, staleBelow: life }).catch((error: unknown) => {
      decided?.()
      throw error
    })
    if (answer.status !== 'leased') return decided?.()
    const spare = answer.entry
    await this.#loadAndFill({ key, load, left: new LazySignal(), down: false, token, spare, spareAsOf: 0, leased: true, close: () => undefined, background: true })
  }

  #refreshMany(stale: ReadonlyMap<string, Entry<T>>, loadMany: LoadMany<T>): void {
    if (stale.size === 0) return
    const bulk = new BulkLoad<T>([...stale.keys()], loadMany)
    for (const [key, seen] of stale) this.#refresh(key, seen, bulk.loader(key), () => bulk.pass(key))
  }

  async #rideMany(missing: ReadonlyMap<string, Found<T>>, arrival: number, loadMany: LoadMany<T>, signal: AbortSignal | undefined): Promise<Map<string, Maybe<T>>> {
    const bulk = new BulkLoad<T>([...missing.keys()], loadMany)
    const rides = [...missing].map(async ([key, found]) => {
      const down = found === DOWN
      try {
        const value = await this.#ride({ key, arrival, load: bulk.loader(key), signal, down, spare: down ? undefined : found, decided: () => bulk.pass(key) })
        return [key, value] as const
      } finally {
        bulk.pass(key)
      }
    })
    return new Map(await Promise.all(rides))
  }

  #report(operation: string, key: string, error: unknown): void {
    tell(channels.error, () => ({ operation, key, error }))
  }
}

/** One caller's way to a value. */
interface Trip<T> {
  readonly key: string
  readonly arrival: number
  readonly load: Loader<T>
  readonly signal: AbortSignal | undefined
  /** Redis is known not to answer: go to the source at once. */
  readonly down: boolean
  /** What this caller's own read found: too stale to be served, unless the loader throws. */
  readonly spare: Entry<T> | undefined
  /** Nobody has looked yet whether there is an entry. */
  readonly unread?: boolean
  /** Called as soon as it is known whether this key is loaded here and now. */
  readonly decided?: () => void
}

interface Job<T> {
  readonly key: string
  readonly load: Loader<T>
  readonly down: boolean
  readonly token: string
  /** What to serve if the loader throws, good for arrivals up to `spareAsOf`. */
  readonly spare: Entry<T> | undefined
  readonly spareAsOf: number
  readonly leased: boolean
  readonly left: LazySignal
  /** No one may join any more. */
  readonly close: () => void
  readonly background?: boolean
}

type Found<T> = Entry<T> | undefined | typeof DOWN

type Answer<T> = Exclude<Lease<T>, { status: 'wait' }> | { readonly status: 'down'; readonly entry: undefined } | { readonly status: 'stale'; readonly entry: Entry<T> }

/** Ms until a lease in the way is looked at again, after so long a wait: late by a sixteenth of the load, with few questions. */
function pauseAfter(waited: number): number {
  return Math.min(Math.max(5, waited / 16), 100)
}

function isRedisTrouble(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof CommandTimeoutError || error instanceof ServerError
}

const DOWN: unique symbol = Symbol('Redis did not answer')
const SKIP_FOR = 1_000
/** Landings that a caller may find too old before it loads for itself. */
const PATIENCE = 3
