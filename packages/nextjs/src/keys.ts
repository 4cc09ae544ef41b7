import { createHash } from 'node:crypto'
import type { CacheClient } from '@cache/core'
import { createKeys } from '@cache/core/internal'

/** What the entries of a key are. */
export type EntryKind = 'use-cache' | 'page' | 'data'

/** Returns a function that makes the keys of entries. The keys of Next.js may be of any length. */
export function createEntryKeys(
  client: CacheClient,
  prefix: string,
): (kind: EntryKind, nextKey: string, deploymentId?: string) => string {
  const key = createKeys(client.namespace, prefix)
  return (kind, nextKey, deploymentId) => {
    const hash = createHash('sha256').update(nextKey).digest('base64url')
    return deploymentId === undefined ? key(kind, hash) : key(kind, deploymentId, hash)
  }
}
