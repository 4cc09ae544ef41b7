import { setTimeout as sleep } from 'node:timers/promises'
import type { Entry } from '../entries/entry.js'
import { ShortLivedMap } from '../util/short-lived-map.js'
import { timerDelay } from '../util/timer-delay.js'
import { createToken } from '../util/token.js'
import type { LazySignal } from '../util/lazy-signal.js'
import type { EntryAccess } from './access.js'
import type { BackgroundWork } from './background-work.js'
import { InFlightLoad, type LoadResult } from './in-flight-load.js'
import type { LeasedLoad, Maybe } from './leased-load.js'
import type { Loader } from './loader.js'
import type { MissRate } from './miss-rate.js'
import type { LoadPolicy } from './policy.js'
import type { ReadOutage } from './read-outage.js'
import type { Recorder } from './recorder.js'
import type { RememberedErrors } from './remembered-errors.js'

/** One caller's request for a value that its read did not find. */
interface LoadRequest<T> {
  readonly key: string
  readonly access: EntryAccess<T>
  /** The number of the arrival of the caller; see `LogicalClock`. */
  readonly arrival: number
  readonly load: Loader<T>
  readonly signal: AbortSignal | undefined
  /** Redis is known not to answer. The load goes to the source at once. */
  readonly redisDown: boolean
  /** The entry that the caller read. It is too stale to be served, unless the loader throws. */
  readonly staleFallback: Entry<T> | undefined
  readonly outage: ReadOutage | undefined
  /** The caller has not read the entry. The request for the lease returns it if there is one. */
  readonly unread?: boolean
  /**
   * Set if the key is one of many that are loaded together. Called as soon as it is known whether
   * this key is loaded here and now.
   */
  readonly onDecided?: (() => void) | undefined
}

interface Dependencies<T> {
  readonly recorder: Recorder
  readonly policy: LoadPolicy<T>
  readonly leasedLoad: LeasedLoad<T>
  readonly background: BackgroundWork
  readonly missRate: MissRate
  readonly errors: RememberedErrors | undefined
}

/** Coordinates the loads of this process: callers that miss the same key join one load. */
export class LoadCoordinator<T> {
  readonly #recorder: Recorder
  readonly #policy: LoadPolicy<T>
  readonly #leasedLoad: LeasedLoad<T>
  readonly #background: BackgroundWork
  readonly #missRate: MissRate
  readonly #errors: RememberedErrors | undefined
  readonly #inFlight = new ShortLivedMap<InFlightLoad<Maybe<T>>>()

  constructor({ recorder, policy, leasedLoad, background, missRate, errors }: Dependencies<T>) {
    this.#recorder = recorder
    this.#policy = policy
    this.#leasedLoad = leasedLoad
    this.#background = background
    this.#missRate = missRate
    this.#errors = errors
  }

  /** Whether there is a load of the key that a caller can join. */
  isJoinable(key: string): boolean {
    return this.#inFlight.size > 0 && this.#joinableLoad(key) !== undefined
  }

  /** Joins the load of the key, or starts it, until a result is valid for this caller. */
  async load(request: LoadRequest<T>): Promise<Maybe<T>> {
    const { key, arrival, signal } = request
    if (!request.unread) this.#recorder.miss(key)
    let { redisDown } = request
    let hasJoined = false
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted()
      let load = attempt < MAX_JOINS ? this.#joinableLoad(key) : undefined
      let result: LoadResult<Maybe<T>> | undefined
      if (load) {
        request.onDecided?.()
        if (!hasJoined) this.#recorder.joined()
        hasJoined = true
        result = await load.join(signal)
        if (result === undefined) this.#remove(key, load)
      } else {
        const remembered = this.#errors?.get(key)
        if (remembered && request.staleFallback) return request.staleFallback.value
        if (remembered) throw remembered.error
        load = this.#start(redisDown === request.redisDown ? request : { ...request, redisDown })
        result = await load.wait(signal)
      }
      if (result === undefined) continue
      if (result.redisDown && request.outage) request.outage.down = true
      if (arrival <= result.validUntil) return result.value
      ;({ redisDown } = result)
    }
  }

  /** Keeps later callers from joining the current loads of these keys, or of all keys. */
  forget(keys: readonly string[] | 'all'): void {
    if (keys === 'all') {
      this.#inFlight.clear()
      this.#errors?.clear()
      return
    }
    for (const key of keys) {
      this.#inFlight.delete(key)
      this.#errors?.forget(key)
    }
  }

  #start(request: LoadRequest<T>): InFlightLoad<Maybe<T>> {
    const load = new InFlightLoad<Maybe<T>>(this.#policy.leaseTtl, (self) =>
      this.#run(request, self),
    )
    if (this.#policy.stampede !== 'off') this.#inFlight.set(request.key, load)
    return load
  }

  async #run(request: LoadRequest<T>, self: InFlightLoad<Maybe<T>>): Promise<LoadResult<Maybe<T>>> {
    const remove = (): void => this.#remove(request.key, self)
    self.abandoned.onAbort(remove)
    try {
      return await this.#acquireAndLoad(request, self.abandoned, remove)
    } finally {
      remove()
    }
  }

  #joinableLoad(key: string): InFlightLoad<Maybe<T>> | undefined {
    const load = this.#inFlight.get(key)
    if (load === undefined || load.isJoinable) return load
    this.#inFlight.delete(key)
    return undefined
  }

  #remove(key: string, load: InFlightLoad<Maybe<T>>): void {
    if (this.#inFlight.get(key) === load) this.#inFlight.delete(key)
  }

  async #acquireAndLoad(
    request: LoadRequest<T>,
    abandoned: LazySignal,
    closeToJoiners: () => void,
  ): Promise<LoadResult<Maybe<T>>> {
    const { key, access, outage } = request
    const token = createToken()
    const { start, validUntil } = await this.#leasedLoad.acquire({
      key,
      access,
      token,
      abandoned,
      redisDown: request.redisDown,
      onDecided: request.onDecided,
    })
    if (request.unread) {
      this.#missRate.record(start.status !== 'hit')
      if (start.status === 'hit') this.#recorder.hit(key, false, 'redis')
      else this.#recorder.miss(key)
    }
    if (start.status === 'hit') {
      request.onDecided?.()
      return { value: start.entry.value, validUntil, redisDown: false }
    }
    const redisDown = start.status === 'down'
    // This must be set before the loader asks other caches.
    if (redisDown && outage) outage.down = true
    // The value must not be shared: callers that arrive from now on load for themselves.
    if (start.status === 'skip') closeToJoiners()
    if (start.status === 'stale') return { value: start.entry.value, validUntil, redisDown }
    const staleFallback = start.entry
    const loading = this.#leasedLoad.run({
      key,
      access,
      load: request.load,
      token,
      staleFallback,
      fallbackValidUntil: validUntil,
      leased: start.status === 'leased',
      redisDown,
      abandoned,
      closeToJoiners,
      bulk: request.onDecided !== undefined,
      outage,
    })
    const { soft } = this.#policy
    return staleFallback && soft !== undefined
      ? this.#orStale(loading, staleFallback, { validUntil, key, soft })
      : loading
  }

  /** Resolves to the stale value after `loadTimeout.soft`, while the load goes on. */
  async #orStale(
    loading: Promise<LoadResult<Maybe<T>>>,
    staleFallback: Entry<T>,
    {
      validUntil,
      key,
      soft,
    }: { readonly validUntil: number; readonly key: string; readonly soft: number },
  ): Promise<LoadResult<Maybe<T>>> {
    const timer = new AbortController()
    const timeout = sleep(timerDelay(soft), undefined, { signal: timer.signal }).then(
      () => undefined,
      () => undefined,
    )
    const result = await Promise.race([loading, timeout])
    timer.abort()
    if (result) return result
    this.#background.add(key, loading)
    return { value: staleFallback.value, validUntil, redisDown: false }
  }
}

/** Loads that a caller joins whose result may be too old for it, before it starts its own. */
const MAX_JOINS = 3
