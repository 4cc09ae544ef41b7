export {
  createCacheService,
  type BulkInvalidateOptions,
  type CacheKey,
  type CacheService,
  type CacheServiceOptions,
  type GetOptions,
  type RememberOptions,
} from './cache-service.js'
