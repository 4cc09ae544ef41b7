import { ServerError, type PendingReleases } from '@cache/core'
import { RECEIPT_TTL } from './ground.js'

/**
 * Gives back, by `leave`, what a token may have under `key`: at once, and again and again until Redis has acknowledged it, or what it
 * asked for can't be there any more. Resolves once it is acknowledged, and never if it is not.
 */
export async function abandon(releases: PendingReleases, key: string, ttl: number, leave: () => Promise<unknown>): Promise<void> {
  const acknowledged = (): Promise<unknown> => leave().catch(unlessRefused)
  await acknowledged().catch(() => new Promise<void>((resolve) => {
    // What was asked for may be granted late, and then lives for its ttl.
    releases.add({ key, ttl: ttl + RECEIPT_TTL, release: () => acknowledged().then(() => resolve()) })
  }))
}

/** Redis refuses it for good, as of a key that is not a lock: there is nothing to give back. */
function unlessRefused(error: unknown): void {
  if (!(error instanceof ServerError && (error.code === 'WRONGTYPE' || error.code === 'NOPERM'))) throw error
}
