import { LRUCache } from 'lru-cache'

/**
 * A map by ids, which users may choose: it holds the `max` that were used last. Long ones count for
 * several, and so do large values: `bytesOf`.
 */
export function boundedMap<V extends object | number>(
  max: number,
  bytesOf: (value: V) => number = () => 0,
): LRUCache<string, V> {
  return new LRUCache({
    max,
    maxSize: max,
    sizeCalculation: (value, key) =>
      Math.max(1, Math.min(max, Math.ceil((key.length + bytesOf(value)) / 256))),
  })
}
