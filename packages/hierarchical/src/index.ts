export { createHierarchical } from './hierarchical.js'
export type {
  GroupContext,
  GroupLevel,
  Hierarchical,
  HierarchicalLevels,
  HierarchicalOptions,
  HierarchicalPolicy,
  ItemLevel,
  LevelsOptions,
  MutationTime,
} from './types.js'
export {
  beginMutations,
  CacheUnavailableError,
  CacheWriteError,
  LoadTimeoutError,
  type CallOptions,
  type Mutation,
} from '@cache/core'
