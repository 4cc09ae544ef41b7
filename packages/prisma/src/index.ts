export { createPrismaCache, type PrismaCache } from './prisma-cache.js'
export type { CachedClientMethods, PrismaCacheExtension } from './extension-types.js'
export type {
  CacheChoice,
  Changed,
  PrismaCacheOptions,
  PrismaNamespace,
  ReadOptions,
} from './types.js'
export {
  CacheUnavailableError,
  CacheWriteError,
  InvalidOptionError,
  UsageError,
  type CacheStats,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
