import type { CacheClient } from '@cache/core'
import { rawKey } from '@cache/core/internal'
import type { KeyName } from './bus.js'

/**
 * Returns the key in Redis that a name stands for.
 *
 * @throws {InvalidKeyError} if no entry can have that key.
 */
export function toRedisKey(client: CacheClient, name: KeyName): string {
  return typeof name === 'string' ? rawKey(withNamespace(client, name)) : client.key(...name)
}

/** Prepends the client's namespace, unless the text begins with it already. */
export function withNamespace({ namespace }: CacheClient, text: string): string {
  return namespace === '' || text.startsWith(`${namespace}:`) ? text : `${namespace}:${text}`
}
