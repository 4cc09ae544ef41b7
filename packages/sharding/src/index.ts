export { shardedDriver, type ShardedDriver } from './sharded-driver.js'
export type {
  ReshardOptions,
  ShardLayout,
  ShardedDriverOptions,
  Shards,
} from './sharded-driver-options.js'
export { jump } from './placement/jump.js'
export { ketama } from './placement/ketama.js'
export { modulo } from './placement/modulo.js'
export { rendezvous } from './placement/rendezvous.js'
export type { Placement, WeightedShard } from './placement/placement.js'
export {
  CrossShardError,
  LateReshardError,
  ReshardConflictError,
  ShardNotEmptyError,
} from './errors.js'
