import type { Argument, CacheClient, Command } from '@cache/core'
import { wholeKey, type KeyName } from './bus.js'

/**
 * One thing that an event makes wrong. Made by `drop`, `listRemove`, `setRemove`,
 * `sortedSetRemove`, `hashRemove`, `dropPrefix`, `dropGroup`.
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
 * Deletes an entry, so that no load or write under way brings it back. @example drop(['user', 42])
 */
export function drop(key: KeyName): Action {
  return { kind: 'drop', key }
}

/**
 * Removes a value from a list, everywhere in it (LREM). O(length of the list). @example
 * listRemove('recent_users', 42)
 */
export function listRemove(key: KeyName, value: Member): Action {
  return removal(key, (whole) => ['LREM', whole, '0', String(value)])
}

/** Removes a member from a set (SREM). @example setRemove('active_users', 42) */
export function setRemove(key: KeyName, member: Member): Action {
  return removal(key, (whole) => ['SREM', whole, String(member)])
}

/** Removes a member from a sorted set (ZREM). @example sortedSetRemove('leaderboard', 42) */
export function sortedSetRemove(key: KeyName, member: Member): Action {
  return removal(key, (whole) => ['ZREM', whole, String(member)])
}

/** Removes a field from a hash (HDEL). @example hashRemove('emails', 42) */
export function hashRemove(key: KeyName, field: Member): Action {
  return removal(key, (whole) => ['HDEL', whole, String(field)])
}

/**
 * Tells near caches to drop all keys that begin so. In Redis nothing is deleted. @example
 * dropPrefix('user:42:')
 */
export function dropPrefix(prefix: string): Action {
  return { kind: 'prefix', prefix }
}

/**
 * Tells all who listen that a group is no longer right. In Redis nothing is deleted. @example
 * dropGroup('category:7')
 */
export function dropGroup(group: string): Action {
  return { kind: 'group', group }
}

export function commandOf(
  client: CacheClient,
  { key, command }: Extract<Action, { kind: 'remove' }>,
): Command {
  const whole = wholeKey(client, key)
  return { args: command(whole), keys: [whole] }
}

function removal(key: KeyName, command: (key: string) => readonly [string, ...Argument[]]): Action {
  return { kind: 'remove', key, command }
}
