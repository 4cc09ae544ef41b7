/** How often a cache answered by itself. Every `stats()` of a cache has these numbers. */
export interface HitStats {
  /** Values that were found, fresh or stale. */
  readonly hits: number
  /** Values that were not found, or were too old to be used. */
  readonly misses: number
  /** `hits` divided by `hits + misses`. 0 before the first read. */
  readonly hitRate: number
}

/**
 * What a cache has done in this process since it was created: see `stats()` of each cache. The
 * numbers only grow; subtract two snapshots to know what happened in between.
 *
 * A read of one key counts as one hit or as one miss, and a read of many keys counts once for each
 * key. `peek` and `has` do not count.
 */
export interface CacheStats extends HitStats {
  /** The hits that the near cache answered. */
  readonly nearHits: number
  /** The hits that Redis answered. */
  readonly redisHits: number
  /** The hits whose entry was older than its `ttl`. They are among `nearHits` and `redisHits`. */
  readonly staleHits: number
  /** The misses that waited for a load which another caller of this process had started. */
  readonly joined: number
  /**
   * Values whose load has ended, also in the background. A call of a loader of many keys counts
   * once for each key.
   */
  readonly loads: number
  /** The loads that threw, took too long, or were abandoned by all callers. */
  readonly loadErrors: number
  /** Milliseconds that all loads took together. */
  readonly loadMs: number
  /** Milliseconds that a load took on average. 0 before the first load. */
  readonly averageLoadMs: number
  /** Loaded values that Redis has stored. */
  readonly fills: number
  /** Loaded values that were not stored, because an invalidation or a write came first. */
  readonly refusedFills: number
  /** Values that `set`, `put`, `update` and `delete` have written, once they were acknowledged. */
  readonly writes: number
  /**
   * Ids that `invalidate`, `expire`, `mutate` and the `commit` of a mutation were given, once they
   * were acknowledged. A `bump` of groups does not count.
   */
  readonly invalidations: number
}

/** Returns the share of hits. For packages with a cache of their own. */
export function hitRateOf(hits: number, misses: number): number {
  return hits === 0 ? 0 : hits / (hits + misses)
}
