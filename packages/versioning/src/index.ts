export { createVersioned } from './versioned.js'
export { VERSION_PREFIX } from './versions.js'
export type { GroupVersions } from './stamps.js'
export type { Versioned, VersionedOptions } from './types.js'
export {
  beginMutations,
  CacheUnavailableError,
  CacheWriteError,
  LoadTimeoutError,
  type CacheStats,
  type CallOptions,
  type Inspected,
  type LoadContext,
  type LoadMany,
  type Many,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
