export { createWriteThrough } from './write-through.js'
export type { Stored, WriteThrough, WriteThroughOptions, Written } from './types.js'
export { WriteManyError } from './write-many-error.js'
export {
  beginMutations,
  CacheUnavailableError,
  CacheWriteError,
  LoadTimeoutError,
  type CacheStats,
  type CallOptions,
  type LoadContext,
  type LoadMany,
  type Many,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
