import { ServerError } from '@cache/core'
import { SwapList, PendingReleases } from '@cache/core/internal'
import { RECEIPT_TTL } from '../backends/backend.js'

/** What tokens may have in Redis, or may get yet, although nobody holds it. */
export class AbandonedClaims {
  readonly #firstAttempts = new SwapList<Promise<unknown>>()
  readonly #unacknowledged = new PendingReleases()

  /**
   * Gives back, by `leave`, what a token may have under `key`: at once, and again and again until
   * Redis has acknowledged it, or what it asked for can't be there any more. Resolves once it is
   * acknowledged, and never if it is not.
   */
  async giveBack(key: string, ttl: number, leave: () => Promise<unknown>): Promise<void> {
    const acknowledged = (): Promise<unknown> => leave().catch(unlessRefused)
    const attempt = acknowledged()
    const seat = this.#firstAttempts.add(attempt)
    const failed = await attempt.then(
      () => false,
      () => true,
    )
    this.#firstAttempts.delete(seat)
    if (!failed) return
    await new Promise<void>((resolve) => {
      // What was asked for may be granted late, and then lives for its ttl.
      this.#unacknowledged.add({
        key,
        ttl: ttl + RECEIPT_TTL,
        release: () => acknowledged().then(() => resolve()),
      })
    })
  }

  /** Repeats none any more, and waits for those that are under way. */
  async close(): Promise<void> {
    await Promise.all([this.#unacknowledged.close(), Promise.allSettled(this.#firstAttempts)])
  }
}

/** Redis refuses it for good, as of a key that is not a lock: there is nothing to give back. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof ServerError && (error.code === 'WRONGTYPE' || error.code === 'NOPERM')))
    throw error
}
