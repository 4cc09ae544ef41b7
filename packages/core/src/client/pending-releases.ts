import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError } from '../errors.js'
import { channels, emit } from './telemetry.js'

/** Something that an attempt may have acquired in Redis, although no reply said so. */
export interface PendingRelease {
  /** The key it is stored under, for reports. */
  readonly key: string
  /** Milliseconds until Redis drops it without our help; nothing is tried after that. */
  readonly ttl: number
  /** What it keeps in memory, where that is more than its key. */
  readonly bytes?: number
  /**
   * Gives it back. Safe to repeat. Resolves once Redis has acknowledged it, whether or not there
   * was anything to give back.
   */
  release(): Promise<unknown>
}

/**
 * Gives back what may have been acquired, again and again, until Redis acknowledges it or its ttl
 * has passed.
 *
 * An acquire whose reply got lost (a deadline, a cut connection, a caller that went away) may have
 * been executed, or may be executed later. Nobody holds what it acquired, so it would stay taken
 * for its whole ttl. Releases that fail are retried after a pause of 50 ms to 1 s, at most 100 at a
 * time. The oldest of more than 10 000, or of more than 32 MiB, is dropped and reported on
 * `cache:error`.
 */
export class PendingReleases {
  readonly #open = new Map<PendingRelease, { readonly until: number }>()
  #bytes = 0
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined

  /** How many have not been acknowledged yet. */
  get size(): number {
    return this.#open.size
  }

  add(release: PendingRelease): void {
    if (this.#closing.signal.aborted) return
    this.#bytes += bytesOf(release)
    this.#open.set(release, { until: performance.now() + release.ttl })
    while (this.#open.size > MAX_OPEN || (this.#bytes > MAX_BYTES && this.#open.size > 1))
      this.#drop(this.#open.keys().next().value!)
    this.#running ??= this.#run()
  }

  /** Stops retrying, once the attempts that are on their way have settled. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    this.#open.clear()
    this.#bytes = 0
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

  /**
   * Tries the oldest ones, and moves those that failed behind the others. Returns whether any
   * failed.
   */
  async #tryOldest(): Promise<boolean> {
    const now = performance.now()
    const batch: [PendingRelease, { readonly until: number }][] = []
    for (const [release, due] of this.#open) {
      if (due.until <= now) this.#forget(release)
      else batch.push([release, due])
      if (batch.length === MAX_AT_ONCE) break
    }
    const results = await Promise.allSettled(batch.map(async ([release]) => release.release()))
    for (const [i, [release, due]] of batch.entries()) {
      if (!this.#open.has(release)) continue // dropped meanwhile
      this.#open.delete(release)
      if (results[i]!.status === 'rejected') this.#open.set(release, due)
      else this.#bytes -= bytesOf(release)
    }
    return results.some(({ status }) => status === 'rejected')
  }

  #forget(release: PendingRelease): void {
    if (this.#open.delete(release)) this.#bytes -= bytesOf(release)
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

const MAX_OPEN = 10_000
const MAX_BYTES = 32 * 1024 * 1024
const MAX_AT_ONCE = 100
const MIN_PAUSE = 50
const MAX_PAUSE = 1_000
