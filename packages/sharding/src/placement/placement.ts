/** What a placement knows about a shard. */
export interface WeightedShard {
  readonly name: string
  /** A shard of weight 2 gets twice as many keys as a shard of weight 1. */
  readonly weight: number
}

/**
 * Decides which shard a key is on. Use `rendezvous`, `ketama`, `jump` or `modulo`, or write your
 * own.
 *
 * @example
 * const byFirstLetter: Placement = {
 *   name: 'first letter',
 *   build: (shards) => (text) => text.charCodeAt(0) % shards.length,
 * }
 */
export interface Placement {
  /**
   * Identifies the placement. All processes that share the shards must use the same placement; they
   * compare its name while shards change.
   */
  readonly name: string
  /**
   * Called once for each set of shards. Returns a function that takes the hash tag of a key, or the
   * whole key if it has none, and returns an index in `shards`. The function must give the same
   * results in all processes.
   */
  build(shards: readonly WeightedShard[]): (text: string) => number
}
