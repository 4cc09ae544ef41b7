/**
 * Returns a function that tells whether a key begins with one of many prefixes. It takes O(log n)
 * comparisons for each key.
 *
 * The prefixes are sorted, and those that begin with another prefix are left out. Then a key can
 * only begin with the last prefix that does not sort behind it.
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
