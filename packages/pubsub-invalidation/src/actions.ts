import type { Argument, CacheClient, Command } from '@cache/core'
import type { KeyName } from './bus.js'
import { toRedisKey } from './key-names.js'

/**
 * One thing that an event invalidates. Created by `drop`, `listRemove`, `setRemove`,
 * `sortedSetRemove`, `hashRemove`, `dropPrefix` or `dropGroup`.
 */
export type Action =
  | { readonly kind: 'drop'; readonly key: KeyName }
  | {
      readonly kind: 'remove'
      readonly key: KeyName
      readonly command: (key: string) => readonly [string, ...Argument[]]
    }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'group'; readonly group: string }

type Member = string | number | bigint

/**
 * Deletes an entry so that no load or write under way brings it back.
 *
 * @example drop(['user', 42])
 */
export function drop(key: KeyName): Action {
  return { kind: 'drop', key }
}

/**
 * Removes all occurrences of a value from a list (LREM). O(length of the list).
 *
 * @example listRemove('recent_users', 42)
 */
export function listRemove(key: KeyName, value: Member): Action {
  return removal(key, (redisKey) => ['LREM', redisKey, '0', String(value)])
}

/**
 * Removes a member from a set (SREM).
 *
 * @example setRemove('active_users', 42)
 */
export function setRemove(key: KeyName, member: Member): Action {
  return removal(key, (redisKey) => ['SREM', redisKey, String(member)])
}

/**
 * Removes a member from a sorted set (ZREM).
 *
 * @example sortedSetRemove('leaderboard', 42)
 */
export function sortedSetRemove(key: KeyName, member: Member): Action {
  return removal(key, (redisKey) => ['ZREM', redisKey, String(member)])
}

/**
 * Removes a field from a hash (HDEL).
 *
 * @example hashRemove('emails', 42)
 */
export function hashRemove(key: KeyName, field: Member): Action {
  return removal(key, (redisKey) => ['HDEL', redisKey, String(field)])
}

/**
 * Tells near caches to drop all keys that begin with a prefix. Nothing is deleted in Redis.
 *
 * @example dropPrefix('user:42:')
 */
export function dropPrefix(prefix: string): Action {
  return { kind: 'prefix', prefix }
}

/**
 * Tells all listeners that a group is invalid. Nothing is deleted in Redis.
 *
 * @example dropGroup('category:7')
 */
export function dropGroup(group: string): Action {
  return { kind: 'group', group }
}

/** Returns the command that an action of kind 'remove' sends. */
export function commandOf(
  client: CacheClient,
  { key, command }: Extract<Action, { kind: 'remove' }>,
): Command {
  const redisKey = toRedisKey(client, key)
  return { args: command(redisKey), keys: [redisKey] }
}

function removal(key: KeyName, command: (key: string) => readonly [string, ...Argument[]]): Action {
  return { kind: 'remove', key, command }
}
