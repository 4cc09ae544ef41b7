import { cached, type CachedOptions } from './decorators/cached.js'
import { invalidates } from './decorators/invalidates.js'
import type { AsyncMethodDecorator } from './decorators/method.js'
import { mutates, type MutatesOptions } from './decorators/mutates.js'
import type { TargetOptions } from './decorators/target.js'
import { withLock, type WithLockOptions } from './decorators/with-lock.js'
import { injectClient } from './module/inject-client.js'

export {
  CacheModule,
  type CacheModuleAsyncOptions,
  type CacheModuleOptions,
  type CacheOptionsFactory,
  type CacheRegistration,
} from './module/cache.module.js'
export type { CacheConnectionOptions, RedisClient } from './module/connection.js'
export { cacheProvider, type CacheProviderOptions } from './module/cache-provider.js'
export { getCacheClientToken, InjectCacheClient } from './module/tokens.js'
export {
  CacheHealthIndicator,
  type CacheHealthOptions,
  type CacheHealthResult,
} from './health/cache-health.indicator.js'
export { RateLimit, type RateLimitOptions } from './rate-limit/rate-limit.decorator.js'
export { RateLimitException } from './rate-limit/rate-limit.exception.js'
export { RateLimitGuard, rateLimitGuard } from './rate-limit/rate-limit.guard.js'
export {
  currentLocks,
  useCacheClient,
  type AsyncMethod,
  type CachedOptions,
  type ClientSource,
  type Fits,
  type HeldLocks,
  type KeyParts,
  type AsyncMethodDecorator,
  type MutatesOptions,
  type Prefix,
  type TagsOf,
  type TargetOptions,
  type WithLockOptions,
} from './decorators/index.js'

/**
 * Caches the results of a method. The first call for a key runs the method, in one process among
 * all; the others wait for its result. A method that throws is not cached, and its callers get the
 * error. `null` and `undefined` are cached only with `negativeTtl`.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * `@Cached({ prefix: 'product', key: (id: number) => id, ttl: '1h' })`
 * async find(id: number) { return this.db.product(id) }
 */
export function Cached<Args extends readonly any[], T>(
  options: CachedOptions<Args, T>,
): AsyncMethodDecorator<Args, T> {
  return cached(options, injectClient)
}

/**
 * Deletes entries after each call of a method, also if it throws. Between the write of the method
 * and the end of the call, readers may get the old values; `@Mutates` leaves no stale value even if
 * the process dies in between.
 *
 * A call rejects, although the method has succeeded, if Redis does not answer.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * `@Invalidates({ prefix: 'product', key: (id: number) => id, tags: ['products'] })`
 * async reindex(id: number) { await this.search.reindex(id) }
 */
export function Invalidates<Args extends readonly any[]>(
  options: TargetOptions<Args>,
): AsyncMethodDecorator<Args> {
  return invalidates(options, injectClient)
}

/**
 * Runs a method inside a mutation of entries, and deletes them. This is the way to write: a read
 * that begins after the call has resolved never returns an older value, in any process, and a
 * process that dies during the call leaves nothing stale beyond `intentTtl`.
 *
 * A call rejects with `CacheUnavailableError`, without running the method, if Redis does not
 * answer. It rejects with `CacheWriteError` (`stored: true`, and its `result`) if Redis went away
 * after the method.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * `@Mutates({ prefix: 'product', key: (id: number) => id, tags: ['products'] })`
 * async rename(id: number, name: string) { await this.db.rename(id, name) }
 */
export function Mutates<Args extends readonly any[]>(
  options: MutatesOptions<Args>,
): AsyncMethodDecorator<Args> {
  return mutates(options, injectClient)
}

/**
 * Runs a method while it holds a lock that all processes share. The lock is renewed while the
 * method runs, and released when it ends. It is not reentrant: a method that calls another one with
 * the same lock waits for itself, and gets `LockTimeoutError` after `wait`.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * `@WithLock({ name: (id: number) => 'invoice:' + id, ttl: '10s' })`
 * async pay(id: number) { … }
 */
export function WithLock<Args extends readonly any[]>(
  options: WithLockOptions<Args> & { readonly skipIfHeld: true },
): AsyncMethodDecorator<Args, any, undefined>
export function WithLock<Args extends readonly any[]>(
  options: WithLockOptions<Args>,
): AsyncMethodDecorator<Args>
export function WithLock(options: WithLockOptions<any>): AsyncMethodDecorator<any, any, any> {
  return withLock(options, injectClient)
}
