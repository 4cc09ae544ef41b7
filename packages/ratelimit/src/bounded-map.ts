import { LRUCache } from 'lru-cache'

/**
 * Creates an LRU map that keeps the `max` most recently used entries and whose memory is bounded.
 * Its keys are ids, which users may choose: every 256 bytes of a key and its value (`bytesOf`)
 * count as one entry.
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
