/** A shard, as far as placement is concerned. */
export interface WeightedShard {
  readonly name: string
  /** 2 gets twice what 1 gets. */
  readonly weight: number
}

/**
 * Decides which shard a key is on. Made by `rendezvous`, `ketama`, `jump` or `modulo`, or your own.
 *
 * @example
 * const byFirstLetter: Placement = { name: 'first letter', build: (shards) => (text) => text.charCodeAt(0) % shards.length }
 */
export interface Placement {
  /**
   * All processes that share the shards must use the same; they know each other by it while shards
   * change.
   */
  readonly name: string
  /**
   * Called for a set of shards; answers with a function from a key's hash tag, or the whole key
   * where it has none, to a place in `shards`. It must be the same in all processes.
   */
  build(shards: readonly WeightedShard[]): (text: string) => number
}
