import type { MeasuredCache } from '../caches/cache.js'

/** A near cache, in front of a cache in Redis if the library has one. */
export interface NearContender {
  readonly name: string
  /** Whether the library propagates invalidations to other processes. */
  readonly propagates: boolean
  open(url: string): Promise<MeasuredCache>
}

export const MAX_ENTRIES = 10_000
export const NEAR_MS = 600_000
