/** An item, and its index in the list that it comes from. */
export interface IndexedItem<I> {
  readonly item: I
  readonly index: number
}

/**
 * Divides items into batches in which each key occurs once. The items of one key are in successive
 * batches, in their order.
 */
export function uniqueBatches<I>(
  items: readonly I[],
  keyOf: (item: I) => string,
): IndexedItem<I>[][] {
  const batches: IndexedItem<I>[][] = []
  const occurrences = new Map<string, number>()
  for (const [index, item] of items.entries()) {
    const key = keyOf(item)
    const batch = occurrences.get(key) ?? 0
    occurrences.set(key, batch + 1)
    ;(batches[batch] ??= []).push({ item, index })
  }
  return batches
}
