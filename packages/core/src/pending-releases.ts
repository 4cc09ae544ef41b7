import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError } from './errors.js'
import { channels, tell } from './telemetry.js'

/** Something that an attempt may have acquired in Redis, although no reply said so. */
export interface PendingRelease {
  /** The key it is stored under, for reports. */
  readonly key: string
  /** Milliseconds until Redis drops it without our help; nothing is tried after that. */
  readonly ttl: number
  /** Gives it back. Safe to repeat. Resolves once Redis has acknowledged it, whether or not there was anything to give back. */
  release(): Promise<unknown>
}

/**
 * Gives back what may have been acquired, again and again, until Redis acknowledges it or its ttl has passed.
 *
 * An acquire whose reply got lost (a deadline, a cut connection, a caller that went away) may have been executed, or may be executed
 * later. Nobody holds what it acquired, so it would stay taken for its whole ttl. Releases that fail are retried after a pause of
 * 50 ms to 1 s, at most 100 at a time. The oldest of more than 10 000 is dropped and reported on `cache:error`.
 */
export class PendingReleases {
  readonly #open = new Map<PendingRelease, { readonly until: number }>()
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined

  /** How many have not been acknowledged yet. */
  get size(): number {
    return this.#open.size
  }

  add(release: PendingRelease): void {
    if (this.#closing.signal.aborted) return
    if (this.#open.size >= MAX_OPEN) this.#drop(this.#open.keys().next().value!)
    this.#open.set(release, { until: performance.now() + release.ttl })
    this.#running ??= this.#run()
  }

  /** Stops retrying, once the attempts that are on their way have settled. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    this.#open.clear()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    let pause = MIN_PAUSE
    while (this.#open.size > 0 && !signal.aborted) {
      const failed = await this.#tryOldest()
      if (!failed) pause = MIN_PAUSE
      else {
        await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined)
        pause = Math.min(2 * pause, MAX_PAUSE)
      }
    }
    this.#running = undefined
  }

  /** Tries the oldest ones, and moves those that failed behind the others. Returns whether any failed. */
  async #tryOldest(): Promise<boolean> {
    const now = performance.now()
    const batch: [PendingRelease, { readonly until: number }][] = []
    for (const [release, due] of this.#open) {
      if (due.until <= now) this.#open.delete(release)
      else batch.push([release, due])
      if (batch.length === MAX_AT_ONCE) break
    }
    const results = await Promise.allSettled(batch.map(async ([release]) => release.release()))
    for (const [i, [release, due]] of batch.entries()) {
      this.#open.delete(release)
      if (results[i]!.status === 'rejected') this.#open.set(release, due)
    }
    return results.some(({ status }) => status === 'rejected')
  }

  #drop(release: PendingRelease): void {
    this.#open.delete(release)
    const error = new CacheError(`More than ${MAX_OPEN} releases are waiting for Redis. ${release.key} stays taken until its ttl ends.`, { code: 'RELEASE_DROPPED', key: release.key })
    tell(channels.error, () => ({ operation: 'release', key: release.key, error }))
  }
}

const MAX_OPEN = 10_000
const MAX_AT_ONCE = 100
const MIN_PAUSE = 50
const MAX_PAUSE = 1_000
