/** The prefix of the package's own keys. They are never moved. */
export const OWN_PREFIX = '{cache-shards}:'

/** Whether a key is one of the package's own. These expire where they are and are never moved. */
export function isInternalKey(key: string): boolean {
  return key.startsWith(OWN_PREFIX) || /\}:resharded:[\w.-]{16,}:/.test(key)
}

/**
 * Returns the key of the marker that is left beside a moved key.
 *
 * @param hashTag A hash tag that puts the marker into the slot of the key.
 */
export function markerKey(hashTag: string, changeId: string, key: string): string {
  return `{${hashTag}}:resharded:${changeId}:${key}`
}
