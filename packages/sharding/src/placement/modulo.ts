import { bucketsOf } from './buckets.js'
import { crc32 } from './hashes.js'
import type { Placement } from './placement.js'

/**
 * CRC-32 modulo the number of shards: the simplest and the fastest placement. Nearly all keys move
 * when a shard is added or removed. The order of shards matters. Weights are whole numbers.
 */
export function modulo(): Placement {
  return {
    name: 'modulo',
    build(shards) {
      const buckets = bucketsOf(shards, 'modulo')
      return (text) => buckets[crc32(text) % buckets.length]!
    },
  }
}
