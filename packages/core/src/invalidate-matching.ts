import type { CacheClient } from './client.js'
import { companionOf, rawKey } from './keys.js'
import { patternIn, scanNodes, type GlobPattern, type ScanOptions } from './scan.js'

export interface InvalidateMatchingOptions extends Omit<ScanOptions, 'type'> {
  /** Called after each batch, with how many entries there were so far. */
  readonly onProgress?: (invalidated: number) => void
  /** Which keys are to stay, though they match. */
  readonly spare?: (key: string) => boolean
}

/**
 * Invalidates every entry of the namespace whose key matches; resolves to how many there were. Promises: a read that begins after it
 * resolved never returns what was loaded before it was called, also where that load was under way, and its entry not there yet.
 *
 * Only strings are looked at, which entries are: lists, sets, hashes, streams (queues, limits, groups) stay. It looks at every key of every
 * primary, some at a time, so it takes time in proportion to the keyspace: for groups that are known beforehand use `@cache/versioning`.
 * A key whose Cluster slot is moved meanwhile may be missed. Rejects when a node does not answer, or `signal` aborts: some are invalidated by then.
 *
 * @example await invalidateMatching(client, glob`user:${42}:*`)
 */
export async function invalidateMatching(client: CacheClient, pattern: GlobPattern, { onProgress, spare = () => false, count, signal }: InvalidateMatchingOptions = {}): Promise<number> {
  const { driver, entries, namespace } = client
  const match = patternIn(namespace, pattern)
  const options = { type: 'string', ...(count !== undefined && { count }), ...(signal && { signal }) } as const
  let invalidated = 0
  // Leases first: a load under way when this began either still has its lease when the leases are looked at, and loses it, or has filled by
  // then, and its entry is found behind them.
  for (const part of [`{${match}}:lease`, `${match}:lease`, match]) {
    for await (const keys of scanNodes(driver, part, options)) {
      invalidated += await entries.invalidate([...new Set(keys.flatMap(entryOf))].filter((key) => !spare(key)))
      onProgress?.(invalidated)
    }
  }
  return invalidated
}

/** The entry that a key is, or stands beside; none for a key that somebody else made, and no entry can have. */
function entryOf(key: string): string[] {
  try {
    return [rawKey(companionOf(key) ?? key)]
  } catch {
    return []
  }
}
