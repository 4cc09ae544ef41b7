import { ServerError } from '@cache/core'
import { PendingReleases, SwapList } from '@cache/core/internal'
import { TOMBSTONE_TTL } from '../backends/timing.js'

/** Releases locks that tokens may have in Redis, or may still get, although nobody holds them. */
export class AbandonedRequests {
  readonly #firstAttempts = new SwapList<Promise<unknown>>()
  readonly #unacknowledged = new PendingReleases()

  /**
   * Releases what a token may have under `key` by calling `release`: at once, and then again until
   * Redis acknowledges it, or the lock cannot exist any more. Resolves when Redis has acknowledged
   * the release. Does not settle if that never happens.
   */
  async release(key: string, ttl: number, release: () => Promise<unknown>): Promise<void> {
    const acknowledged = (): Promise<unknown> => release().catch(ignoreRefusal)
    const attempt = acknowledged()
    const handle = this.#firstAttempts.add(attempt)
    const failed = await attempt.then(
      () => false,
      () => true,
    )
    this.#firstAttempts.delete(handle)
    if (!failed) return
    await new Promise<void>((resolve) => {
      // A late request may still be granted, and the lock then exists for its ttl.
      this.#unacknowledged.add({
        key,
        ttl: ttl + TOMBSTONE_TTL,
        release: () => acknowledged().then(() => resolve()),
      })
    })
  }

  /** Stops retrying, and waits for the attempts that are under way. */
  async close(): Promise<void> {
    await Promise.all([this.#unacknowledged.close(), Promise.allSettled(this.#firstAttempts)])
  }
}

/**
 * Ignores an error that a retry cannot change, for example because the key is not a lock. Then
 * there is nothing to release.
 */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof ServerError && (error.code === 'WRONGTYPE' || error.code === 'NOPERM')))
    throw error
}
