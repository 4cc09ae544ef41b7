import { CacheError, type Reply } from '@cache/core'

/**
 * Returns a reply.
 *
 * @throws {CacheError} if the result is an error.
 */
export function unwrap<T extends Reply>(result: T | CacheError): T {
  if (result instanceof CacheError) throw result
  return result as T
}
