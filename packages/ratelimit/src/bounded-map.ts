import { LRUCache } from 'lru-cache'

/** A map by ids, which users may choose: it holds the `max` that were used last. Long ones count for several. */
export function boundedMap<V extends object | number>(max: number): LRUCache<string, V> {
  return new LRUCache({ max, maxSize: max, sizeCalculation: (_, key) => Math.min(max, Math.ceil(key.length / 256)) })
}
