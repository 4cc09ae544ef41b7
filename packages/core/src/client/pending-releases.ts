import { Backoff } from '../util/backoff.js'
import { sleepUnlessAborted } from '../util/sleep.js'
import { CacheError } from '../errors.js'
import { channels, emit } from './telemetry.js'

/**
 * A lease, an intent or a lock that an attempt may have acquired in Redis, although no reply
 * confirmed it.
 */
export interface PendingRelease {
  /** The key that it is stored under, for reports. */
  readonly key: string
  /** Milliseconds until Redis removes it by itself. It is not released after that. */
  readonly ttl: number
  /** The bytes of memory that it takes, if that is more than its key. */
  readonly bytes?: number
  /**
   * Releases it. It is safe to call this repeatedly. Resolves once Redis has acknowledged the
   * release, whether or not there was anything to release.
   */
  release(): Promise<unknown>
}

/**
 * Releases what may have been acquired, and retries until Redis acknowledges it or its ttl has
 * passed.
 *
 * An acquire whose reply was lost (a deadline, a broken connection, a caller that went away) may
 * have been executed, or may be executed later. Nobody holds what it acquired, so it would stay
 * taken for its whole ttl. Failed releases are retried after a pause of 50 ms to 1 s, at most 100
 * at a time. If there are more than 10 000, or they take more than 32 MiB, the oldest is dropped
 * and reported on `cache:error`.
 */
export class PendingReleases {
  readonly #pending = new Map<PendingRelease, { readonly until: number }>()
  #bytes = 0
  readonly #closing = new AbortController()
  #retrying: Promise<void> | undefined

  /** The number of releases that have not been acknowledged yet. */
  get size(): number {
    return this.#pending.size
  }

  add(release: PendingRelease): void {
    if (this.#closing.signal.aborted) return
    this.#bytes += bytesOf(release)
    this.#pending.set(release, { until: performance.now() + release.ttl })
    while (this.#pending.size > MAX_PENDING || (this.#bytes > MAX_BYTES && this.#pending.size > 1))
      this.#drop(this.#pending.keys().next().value!)
    this.#retrying ??= this.#run()
  }

  /** Stops retrying. Resolves once the attempts that are under way have settled. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#retrying
    this.#pending.clear()
    this.#bytes = 0
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    const backoff = new Backoff({ first: 50, max: 1_000 })
    while (this.#pending.size > 0 && !signal.aborted) {
      const failed = await this.#tryOldest()
      if (failed) await sleepUnlessAborted(backoff.next(), signal, { ref: false })
      else backoff.reset()
    }
    this.#retrying = undefined
  }

  /**
   * Tries the oldest releases, and moves those that failed behind the others. Returns whether any
   * failed.
   */
  async #tryOldest(): Promise<boolean> {
    const now = performance.now()
    const batch: [PendingRelease, { readonly until: number }][] = []
    for (const [release, expiry] of this.#pending) {
      if (expiry.until <= now) this.#forget(release)
      else batch.push([release, expiry])
      if (batch.length === MAX_AT_ONCE) break
    }
    const results = await Promise.allSettled(batch.map(async ([release]) => release.release()))
    for (const [i, [release, expiry]] of batch.entries()) {
      if (!this.#pending.has(release)) continue // dropped in the meantime
      this.#pending.delete(release)
      if (results[i]!.status === 'rejected') this.#pending.set(release, expiry)
      else this.#bytes -= bytesOf(release)
    }
    return results.some(({ status }) => status === 'rejected')
  }

  #forget(release: PendingRelease): void {
    if (this.#pending.delete(release)) this.#bytes -= bytesOf(release)
  }

  #drop(release: PendingRelease): void {
    this.#forget(release)
    const error = new CacheError(
      `Too many releases are waiting for Redis. ${release.key} stays taken until its ttl ends.`,
      { code: 'RELEASE_DROPPED', key: release.key },
    )
    emit(channels.error, () => ({ operation: 'release', key: release.key, error }))
  }
}

function bytesOf({ key, bytes = key.length }: PendingRelease): number {
  return bytes
}

const MAX_PENDING = 10_000
const MAX_BYTES = 32 * 1024 * 1024
const MAX_AT_ONCE = 100
