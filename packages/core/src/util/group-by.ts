/**
 * Groups items by a key. Groups are in the order of their first items, and items keep their order.
 * (`Map.groupBy` needs Node.js 21.)
 *
 * @example groupBy(keys, slot) // Map { 42 => ['a', 'b'], 7 => ['c'] }
 */
export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
