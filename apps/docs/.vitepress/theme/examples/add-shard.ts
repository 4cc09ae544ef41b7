import { modulo, rendezvous } from '@cache/sharding'

const placements = { rendezvous: rendezvous(), modulo: modulo() }
export type PlacementName = keyof typeof placements

export interface ShardChange {
  /** The index of each key's shard before and after the change. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** The number of keys that change their shard. */
  readonly moved: number
}

/** Adds a shard to `shards` others, and returns where the keys are before and after that. */
export function addShard(placement: PlacementName, shards: number, keys: number): ShardChange {
  const before = shardsOf(placement, shards, keys)
  const after = shardsOf(placement, shards + 1, keys)
  return { before, after, moved: before.filter((shard, key) => shard !== after[key]).length }
}

function shardsOf(placement: PlacementName, shards: number, keys: number): readonly number[] {
  const names = Array.from({ length: shards }, (_, i) => ({ name: `shard-${i + 1}`, weight: 1 }))
  const shardOf = placements[placement].build(names)
  return Array.from({ length: keys }, (_, key) => shardOf(`product:${key}`))
}
