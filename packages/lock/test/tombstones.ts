/** Returns the keys without the tombstones of released tokens, which expire after a minute. */
export function withoutTombstones(keys: readonly string[]): string[] {
  return keys.filter((key) => !key.includes(':left:'))
}
