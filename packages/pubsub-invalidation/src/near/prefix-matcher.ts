/**
 * Tells which keys begin with one of many prefixes, in O(log n) comparisons a key.
 *
 * With prefixes sorted, and those left out that begin with another, only the last one that is not
 * behind a key can be what the key begins with.
 */
export function prefixMatcher(prefixes: Iterable<string>): (key: string) => boolean {
  const sorted: string[] = []
  for (const prefix of [...prefixes].sort()) {
    if (sorted.length === 0 || !prefix.startsWith(sorted.at(-1)!)) sorted.push(prefix)
  }
  return (key) => {
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sorted[middle]! <= key) low = middle + 1
      else high = middle
    }
    return low > 0 && key.startsWith(sorted[low - 1]!)
  }
}
