export { cachedDatabase } from './cached-database.js'
export { createDrizzleCache, type DrizzleCache } from './drizzle-cache.js'
export type { DrizzleCacheOptions, ReadOptions, TableLike } from './types.js'
export {
  CacheUnavailableError,
  CacheWriteError,
  InvalidOptionError,
  UsageError,
  type CacheStats,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
