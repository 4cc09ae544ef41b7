export { createHierarchical } from './hierarchical.js'
export type { GroupContext, GroupLevel, Hierarchical, HierarchicalLevels, HierarchicalOptions, HierarchicalPolicy, ItemLevel, LevelsOptions } from './types.js'
export { LoadTimeoutError, type CallOptions } from '@cache/core'
