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
} from './types.js'
export {
  beginMutations,
  CacheUnavailableError,
  CacheWriteError,
  LoadTimeoutError,
  type CallOptions,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
