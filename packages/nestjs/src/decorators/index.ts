import { cached, type CachedOptions } from './cached.js'
import { invalidates } from './invalidates.js'
import type { AsyncMethodDecorator } from './method.js'
import { mutates, type MutatesOptions } from './mutates.js'
import type { TargetOptions } from './target.js'
import { withLock, type WithLockOptions } from './with-lock.js'

export { useCacheClient, type ClientSource } from './client.js'
export { currentLocks, type HeldLocks } from './with-lock.js'
export type { AsyncMethod, Fits, AsyncMethodDecorator } from './method.js'
export type { CachedOptions } from './cached.js'
export type { KeyParts, Prefix, TagsOf } from './keys.js'
export type { MutatesOptions } from './mutates.js'
export type { TargetOptions } from './target.js'
export type { WithLockOptions } from './with-lock.js'

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
  return cached(options)
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
  return invalidates(options)
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
  return mutates(options)
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
  return withLock(options)
}
