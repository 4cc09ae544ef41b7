import { setTimeout as sleep } from 'node:timers/promises'
import type { Lease } from '../entries/store.js'
import type { Entry } from '../entries/entry.js'
import { CodecError, CommandTimeoutError, ConnectionError, ServerError } from '../errors.js'
import type { Landing } from './in-flight-load.js'
import type { LazySignal } from '../util/lazy-signal.js'
import { channels, emit } from '../client/telemetry.js'
import type { EntryAccess } from './access.js'
import type { ReadOutage } from './read-outage.js'
import { callLoader, type Loaded, type Loader } from './loader.js'
import type { Moments } from './logical-clock.js'
import type { LoadPolicy } from './policy.js'
import type { RememberedErrors } from './remembered-errors.js'
import { Renewals } from './renewals.js'

export type Maybe<T> = T | null | undefined

interface Question<T> {
  readonly key: string
  readonly access: EntryAccess<T>
  readonly token: string
  /** Redis is known not to answer. */
  readonly down: boolean
  /** Aborts when the last caller has left. */
  readonly left: LazySignal
  /** Called as soon as it is known that another process loads. */
  readonly decided?: (() => void) | undefined
}

export type Answer<T> =
  | Exclude<Lease<T>, { status: 'wait' }>
  | { readonly status: 'down'; readonly entry: undefined }
  | { readonly status: 'stale'; readonly entry: Entry<T> }

export interface Job<T> {
  readonly key: string
  readonly access: EntryAccess<T>
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
  /** One load of many keys. */
  readonly bulk: boolean
  readonly outage: ReadOutage | undefined
}

/** Lease → load → fill, of one key at a time. */
export class LeasedLoad<T> {
  readonly #prefix: string
  readonly #policy: LoadPolicy<T>
  readonly #moments: Moments
  readonly #errors: RememberedErrors | undefined
  readonly #renewals = new Renewals()

  constructor(
    prefix: string,
    policy: LoadPolicy<T>,
    moments: Moments,
    errors: RememberedErrors | undefined,
  ) {
    this.#prefix = prefix
    this.#policy = policy
    this.#moments = moments
    this.#errors = errors
  }

  /** Asks for the right to load; waits while another process loads, as long as the policy says. */
  async ask({
    key,
    access,
    down,
    token,
    left,
    decided,
  }: Question<T>): Promise<{ readonly answer: Answer<T>; readonly asOf: number }> {
    const { leaseTtl, staleBelow, stampede, soft, waitFor } = this.#policy
    const started = performance.now()
    const until = started + waitFor
    const softUntil = started + (soft ?? Infinity)
    for (;;) {
      const asOf = this.#moments.now
      if (down) return { answer: { status: 'down', entry: undefined }, asOf }
      try {
        const answer = await access.lease(key, {
          token,
          ttl: leaseTtl,
          staleBelow: staleBelow || -1,
          take: stampede !== 'lease',
        })
        if (answer.status !== 'wait') return { answer, asOf }
        decided?.()
        const { entry } = answer
        if (entry && performance.now() >= softUntil)
          return { answer: { status: 'stale', entry }, asOf }
        const now = performance.now()
        const patience = (entry ? Math.min(until, softUntil) : until) - now
        if (patience <= 0) return { answer: { status: 'bypass', entry }, asOf }
        await sleep(
          Math.max(1, Math.min(pauseAfter(now - started), answer.remaining + 1, patience)),
          undefined,
          { signal: left.signal },
        )
      } catch (error) {
        if (left.aborted) throw left.reason
        this.#report('lease', key, error)
        if (error instanceof ServerError && TAKES_NO_WRITES.has(error.code)) {
          return { answer: { status: 'bypass', entry: undefined }, asOf }
        }
        if (this.#policy.inOutage === 'reject') throw error
        return { answer: { status: 'down', entry: undefined }, asOf }
      }
    }
  }

  /** Loads, and stores what was loaded if the lease is still held. */
  async run(job: Job<T>): Promise<Landing<Maybe<T>>> {
    const { key, access, load, token, spare, leased, down, left, close, bulk, outage } = job
    const ttl = this.#policy.leaseTtl
    const asOf = this.#moments.now
    let loaded: Loaded<T>
    const stale = spare && !spare.absent ? spare.value : undefined
    const started = performance.now()
    const renew = (yields: boolean): Promise<boolean> => access.renew(key, token, ttl, yields)
    const ttls = bulk ? TTLS_OF_BULK : TTLS
    const renewing = leased ? this.#renewals.start({ ttl, ttls, renew }) : undefined
    try {
      loaded = await callLoader({ key, load, stale, left, hard: this.#policy.hard })
      emit(channels.load, () => ({
        prefix: this.#prefix,
        key,
        ms: loaded.ms,
        background: job.background === true,
      }))
    } catch (error) {
      emit(channels.load, () => ({
        prefix: this.#prefix,
        key,
        ms: performance.now() - started,
        background: job.background === true,
        error,
      }))
      close()
      // Where the lease is not held any more an invalidation came first, and the error may be one
      // of before it.
      if (leased)
        this.#release(access, key, token, 0, (held) => {
          if (!held) this.#errors?.forget(key)
        })
      if (left.aborted) throw error // of the one who left last, and nobody else's
      if (spare) return { value: spare.value, asOf: job.spareAsOf, down }
      this.#errors?.add(key, error)
      throw error
    } finally {
      renewing?.stop()
    }
    close() // who comes from now on asks Redis, behind the fill
    const filledAsOf = this.#moments.now
    // the call has waited for Redis already
    if (leased && outage?.down) this.#release(access, key, token, loaded.skipped ? SKIP_FOR : 0)
    const held = leased && !outage?.down && (await this.#fill(job, loaded))
    return { value: loaded.value, asOf: held ? filledAsOf : asOf, down }
  }

  /**
   * Ends the lease, with the value if it is to be kept. Whether the lease still held: `false` where
   * an invalidation or a writer came first, or Redis did not answer.
   */
  async #fill(
    { access, key, token, outage }: Job<T>,
    { value, ms, ttl, skipped }: Loaded<T>,
  ): Promise<boolean> {
    try {
      const storing = skipped ? undefined : this.#policy.storing(value, { ttl, computeTime: ms })
      if (!storing) return await access.release(key, token, skipped ? SKIP_FOR : 0)
      const stored = await access.fill(key, token, value as T, storing)
      emit(channels.fill, () => ({ prefix: this.#prefix, key, stored }))
      return stored
    } catch (error) {
      this.#report('fill', key, error)
      const unfit = error instanceof CodecError // it can't be encoded, or is too large: the source has answered all the same
      if (outage && isUnanswered(error)) outage.down = true
      this.#release(access, key, token, unfit ? SKIP_FOR : 0)
      if (unfit || isRedisTrouble(error)) return false
      throw error
    }
  }

  /** Not waited for: if it gets lost, the lease ends by itself. */
  #release(
    access: EntryAccess<T>,
    key: string,
    token: string,
    skipFor: number,
    then?: (held: boolean) => void,
  ): void {
    access
      .release(key, token, skipFor)
      .then(then)
      .catch((error: unknown) => this.#report('release', key, error))
  }

  #report(operation: string, key: string, error: unknown): void {
    emit(channels.error, () => ({ operation, key, error }))
  }
}

/**
 * Ms until a lease in the way is looked at again, after so long a wait: late by a sixteenth of the
 * load, with few questions.
 */
function pauseAfter(waited: number): number {
  return Math.min(Math.max(5, waited / 16), 100)
}

function isRedisTrouble(error: unknown): boolean {
  return isUnanswered(error) || error instanceof ServerError
}

function isUnanswered(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof CommandTimeoutError
}

/**
 * The server can't keep anything, but has all that was acknowledged: there is no such entry. Not so
 * with others that refuse writes: a replica (READONLY) may lag behind, and a primary without enough
 * replicas (NOREPLICAS) may have been replaced.
 */
const TAKES_NO_WRITES: ReadonlySet<string> = new Set(['OOM', 'MISCONF'])
const SKIP_FOR = 1_000
/**
 * For how many ttls a lease is renewed: as long as callers join the load. One that hangs must not
 * keep its key from being cached.
 */
const TTLS = 1
/**
 * A load of many keys may take longer than one of them. Past the first ttl, whoever asks takes its
 * leases over.
 */
const TTLS_OF_BULK = 10
