export { createHierarchical } from './hierarchical.js'
export type {
  GroupContext,
  GroupLevel,
  Hierarchical,
  HierarchicalLevels,
  HierarchicalOptions,
  HierarchicalPolicy,
  HierarchicalStats,
  ItemLevel,
  LevelsOptions,
} from './types.js'
export {
  beginMutations,
  CacheUnavailableError,
  CacheWriteError,
  LoadTimeoutError,
  type CacheStats,
  type CallOptions,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
