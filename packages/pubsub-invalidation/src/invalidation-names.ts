import { InvalidOptionError, type CacheClient } from '@cache/core'
import type { Invalidated, Invalidation } from './bus.js'
import { toRedisKey, withNamespace } from './key-names.js'
import { MAX_NAME_LENGTH } from './message.js'

/** The names in a message. */
export type InvalidationNames = Pick<Invalidated, 'keys' | 'prefixes' | 'groups'>

/**
 * Checks an invalidation, and returns its names as they are in Redis.
 *
 * @throws {InvalidOptionError}
 * @throws {InvalidKeyError} for a key that no entry can have.
 */
export function checkInvalidation(
  client: CacheClient,
  invalidation: Invalidation,
): InvalidationNames {
  const {
    keys = [],
    prefix,
    groups = [],
    ...rest
  } = (invalidation ?? {}) as Invalidation & Record<string, unknown>
  const isValid =
    Array.isArray(keys) &&
    keys.every((key) => typeof key === 'string' || Array.isArray(key)) &&
    Array.isArray(groups) &&
    groups.every((group) => isName(group) && group !== '') &&
    (prefix === undefined || isName(prefix)) &&
    Object.keys(rest).length === 0 &&
    (keys.length > 0 || prefix !== undefined || groups.length > 0)
  if (!isValid)
    throw new InvalidOptionError(
      'invalidation',
      'an object with some of keys: […], prefix: "…", groups: […]',
      invalidation,
    )
  return {
    keys: keys.map((key) => toRedisKey(client, key)),
    prefixes: prefix === undefined ? [] : [withNamespace(client, prefix)],
    groups,
  }
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH
}
