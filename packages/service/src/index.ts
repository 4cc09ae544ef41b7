export { createCacheService } from './cache-service.js'
export type {
  BulkInvalidateOptions,
  CacheKey,
  CacheService,
  CacheServiceOptions,
  GetOptions,
  RememberOptions,
} from './types.js'
