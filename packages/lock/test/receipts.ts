/** Keys, without those that a token that has left is remembered by for a minute. */
export function withoutReceipts(keys: readonly string[]): string[] {
  return keys.filter((key) => !key.includes(':left:'))
}
