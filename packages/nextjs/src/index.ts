export { createIncrementalCacheHandler } from './incremental-cache-handler.js'
export { createUseCacheHandler } from './use-cache-handler.js'
export { createRevalidator, type Revalidator } from './revalidator.js'
export { sharedClient } from './runtime.js'
export type {
  IncrementalCacheHandlerOptions,
  NextCacheOptions,
  RevalidatorOptions,
  UseCacheHandlerOptions,
} from './options.js'
export type {
  CacheControl,
  IncrementalCacheContext,
  IncrementalCacheHandler,
  IncrementalCacheHandlerClass,
  IncrementalCacheValue,
  IncrementalGetContext,
  IncrementalSetContext,
  RevalidateDurations,
  UseCacheEntry,
  UseCacheHandler,
} from './next-types.js'
