import { setTimeout as sleep } from 'node:timers/promises'
import type { Entry } from '../entries/entry.js'
import type { Lease } from '../entries/requests.js'
import { CodecError, CommandTimeoutError, ConnectionError, ServerError } from '../errors.js'
import type { LazySignal } from '../util/lazy-signal.js'
import type { EntryAccess } from './access.js'
import type { LoadResult } from './in-flight-load.js'
import { callLoader, type Loaded, type Loader } from './loader.js'
import type { LogicalClock } from './logical-clock.js'
import type { LoadPolicy } from './policy.js'
import type { ReadOutage } from './read-outage.js'
import type { Recorder } from './recorder.js'
import type { RememberedErrors } from './remembered-errors.js'
import { Renewals } from './renewals.js'
import { reportError } from './report-error.js'

export type Maybe<T> = T | null | undefined

interface AcquireRequest<T> {
  readonly key: string
  readonly access: EntryAccess<T>
  readonly token: string
  /** Redis is known not to answer. */
  readonly redisDown: boolean
  /** Aborts when the last caller stops waiting. */
  readonly abandoned: LazySignal
  /** Called as soon as it is known that another process loads. */
  readonly onDecided?: (() => void) | undefined
}

/**
 * How a load begins: `'down'`: without Redis. `'stale'`: not at all, because the stale entry is
 * served. All others are answers to the request for the lease.
 */
type LoadStart<T> =
  | Exclude<Lease<T>, { status: 'wait' }>
  | { readonly status: 'down'; readonly entry: undefined }
  | { readonly status: 'stale'; readonly entry: Entry<T> }

interface LoadJob<T> {
  readonly key: string
  readonly access: EntryAccess<T>
  readonly load: Loader<T>
  readonly redisDown: boolean
  readonly token: string
  /** The entry to serve if the loader throws. */
  readonly staleFallback: Entry<T> | undefined
  /** The last arrival that may be served `staleFallback`. */
  readonly fallbackValidUntil: number
  readonly leased: boolean
  /** Aborts when the last caller stops waiting. */
  readonly abandoned: LazySignal
  /** Keeps further callers from joining the load. */
  readonly closeToJoiners: () => void
  readonly background?: boolean
  /** The load is part of one load of many keys. */
  readonly bulk: boolean
  readonly outage: ReadOutage | undefined
  /** Reject with the error of the loader, even if there is a fallback. */
  readonly rejects?: boolean
}

/** Loads one key under a lease: acquires the lease, calls the loader, fills the entry. */
export class LeasedLoad<T> {
  readonly #recorder: Recorder
  readonly #policy: LoadPolicy<T>
  readonly #clock: LogicalClock
  readonly #errors: RememberedErrors | undefined
  readonly #renewals = new Renewals()

  constructor(
    recorder: Recorder,
    policy: LoadPolicy<T>,
    clock: LogicalClock,
    errors: RememberedErrors | undefined,
  ) {
    this.#recorder = recorder
    this.#policy = policy
    this.#clock = clock
    this.#errors = errors
  }

  /**
   * Asks for the lease. While another process loads, waits for it as long as the policy allows.
   * `validUntil` is the last arrival that may use the answer.
   */
  async acquire({
    key,
    access,
    redisDown,
    token,
    abandoned,
    onDecided,
  }: AcquireRequest<T>): Promise<{ readonly start: LoadStart<T>; readonly validUntil: number }> {
    const { leaseTtl, staleBelow, stampede, soft, waitFor } = this.#policy
    const started = performance.now()
    const until = started + waitFor
    const softUntil = started + (soft ?? Infinity)
    for (;;) {
      const validUntil = this.#clock.now
      if (redisDown) return { start: { status: 'down', entry: undefined }, validUntil }
      try {
        const answer = await access.lease(key, {
          token,
          ttl: leaseTtl,
          staleBelow: staleBelow || -1,
          take: stampede !== 'lease',
        })
        if (answer.status !== 'wait') return { start: answer, validUntil }
        onDecided?.()
        const { entry } = answer
        if (entry && performance.now() >= softUntil)
          return { start: { status: 'stale', entry }, validUntil }
        const now = performance.now()
        const left = (entry ? Math.min(until, softUntil) : until) - now
        if (left <= 0) return { start: { status: 'bypass', entry }, validUntil }
        await sleep(
          Math.max(1, Math.min(pauseAfter(now - started), answer.remaining + 1, left)),
          undefined,
          { signal: abandoned.signal },
        )
      } catch (error) {
        if (abandoned.aborted) throw abandoned.reason
        reportError('lease', key, error)
        if (error instanceof ServerError && CANNOT_STORE.has(error.code)) {
          return { start: { status: 'bypass', entry: undefined }, validUntil }
        }
        if (this.#policy.inOutage === 'reject') throw error
        return { start: { status: 'down', entry: undefined }, validUntil }
      }
    }
  }

  /** Calls the loader, and stores its value if the lease is still held. */
  async run(job: LoadJob<T>): Promise<LoadResult<Maybe<T>>> {
    const { key, access, load, token, staleFallback, leased, redisDown, abandoned } = job
    const { closeToJoiners, outage } = job
    const ttl = this.#policy.leaseTtl
    const validUntil = this.#clock.now
    let loaded: Loaded<T>
    const stale = staleFallback && !staleFallback.absent ? staleFallback.value : undefined
    const started = performance.now()
    const renew = (yields: boolean): Promise<boolean> => access.renew(key, token, ttl, yields)
    const ttls = job.bulk ? BULK_RENEWED_TTLS : RENEWED_TTLS
    const renewal = leased ? this.#renewals.start({ ttl, ttls, renew }) : undefined
    try {
      loaded = await callLoader({ key, load, stale, abandoned, hard: this.#policy.hard })
      this.#recorder.loaded(key, loaded.ms, job.background === true)
    } catch (error) {
      const ms = performance.now() - started
      this.#recorder.loadFailed(key, ms, job.background === true, error)
      closeToJoiners()
      // If the lease is lost, an invalidation came in between, and the error may be from before it.
      if (leased)
        this.#release(access, key, token, 0, (held) => {
          if (!held) this.#errors?.forget(key)
        })
      // The error only concerns the caller that stopped waiting last.
      if (abandoned.aborted) throw error
      if (staleFallback && !job.rejects)
        return { value: staleFallback.value, validUntil: job.fallbackValidUntil, redisDown }
      this.#errors?.add(key, error)
      throw error
    } finally {
      renewal?.stop()
    }
    closeToJoiners() // Callers that arrive from now on ask Redis, behind the fill.
    const filledValidUntil = this.#clock.now
    // Do not wait for the release: the call has waited for Redis already.
    if (leased && outage?.down) this.#release(access, key, token, loaded.skipped ? SKIP_FOR_MS : 0)
    const held = leased && !outage?.down && (await this.#fill(job, loaded))
    return { value: loaded.value, validUntil: held ? filledValidUntil : validUntil, redisDown }
  }

  /**
   * Ends the lease, and stores the value if it is to be cached. Resolves to whether the lease was
   * still held. It was not if an invalidation or a writer came first, or if Redis did not answer.
   */
  async #fill(
    { access, key, token, outage }: LoadJob<T>,
    { value, ms, ttl, skipped }: Loaded<T>,
  ): Promise<boolean> {
    try {
      const storing = skipped ? undefined : this.#policy.storing(value, { ttl, computeTime: ms })
      if (!storing) return await access.release(key, token, skipped ? SKIP_FOR_MS : 0)
      const stored = await access.fill(key, token, value as T, storing)
      this.#recorder.filled(key, stored)
      return stored
    } catch (error) {
      reportError('fill', key, error)
      // The value can't be encoded, or is too large. The caller gets it all the same.
      const isUnstorable = error instanceof CodecError
      if (outage && isUnanswered(error)) outage.down = true
      this.#release(access, key, token, isUnstorable ? SKIP_FOR_MS : 0)
      if (isUnstorable || isRedisTrouble(error)) return false
      throw error
    }
  }

  /** Releases the lease in the background. If the release gets lost, the lease expires. */
  #release(
    access: EntryAccess<T>,
    key: string,
    token: string,
    skipFor: number,
    onReleased?: (held: boolean) => void,
  ): void {
    access
      .release(key, token, skipFor)
      .then(onReleased)
      .catch((error: unknown) => reportError('release', key, error))
  }
}

/**
 * Returns the ms to wait before asking for the lease again, from the ms waited so far. The waiter
 * is late by at most a sixteenth of the load (between 5 and 100 ms), and sends few requests.
 */
function pauseAfter(waitedMs: number): number {
  return Math.min(Math.max(5, waitedMs / 16), 100)
}

function isRedisTrouble(error: unknown): boolean {
  return isUnanswered(error) || error instanceof ServerError
}

function isUnanswered(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof CommandTimeoutError
}

/**
 * Errors of a server that can't store anything, but has everything it acknowledged. So there is no
 * entry. Other servers that refuse writes are different: a replica (READONLY) may lag behind, and a
 * primary without enough replicas (NOREPLICAS) may have been replaced.
 */
const CANNOT_STORE: ReadonlySet<string> = new Set(['OOM', 'MISCONF'])
const SKIP_FOR_MS = 1_000
/**
 * The number of ttls for which a lease is renewed. Callers join the load for just as long. A loader
 * that hangs must not keep its key from being cached.
 */
const RENEWED_TTLS = 1
/**
 * The same for a load of many keys, which may take longer than a load of one key. After the first
 * ttl, the next caller that asks for one of its leases takes it over.
 */
const BULK_RENEWED_TTLS = 10
