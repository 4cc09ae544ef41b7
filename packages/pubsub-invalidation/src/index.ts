export { createInvalidationBus, type InvalidationBusOptions } from './invalidation-bus.js'
export { createTrackingBus, type TrackingBusOptions } from './tracking-bus.js'
export { TrackingRefusedError } from './tracking-refused-error.js'
export type {
  BusEvents,
  BusStats,
  Invalidation,
  InvalidationBus,
  Invalidated,
  KeyName,
} from './bus.js'
export {
  nearOptions,
  withNearCache,
  type NearCacheClient,
  type NearCacheOptions,
} from './near/with-near-cache.js'
export type { NearStats } from './near/near-stats.js'
export {
  createInvalidator,
  type Invalidator,
  type InvalidatorOptions,
  type Rules,
} from './invalidator.js'
export {
  drop,
  dropGroup,
  dropPrefix,
  hashRemove,
  listRemove,
  setRemove,
  sortedSetRemove,
  type Action,
} from './actions.js'
export { InvalidatorError } from './invalidator-error.js'
