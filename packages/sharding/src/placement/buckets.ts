import { InvalidOptionError } from '@cache/core'
import type { WeightedShard } from './placement.js'

/**
 * Returns the index of the shard of each bucket. A shard of weight 2 has two buckets. For
 * placements that know buckets, not weights.
 *
 * @throws {InvalidOptionError} if a weight is not a whole number from 1 to 1000.
 */
export function bucketsOf(shards: readonly WeightedShard[], placement: string): Int32Array {
  for (const { name, weight } of shards) {
    if (!Number.isSafeInteger(weight) || weight > 1_000)
      throw new InvalidOptionError(
        `shards.${name}.weight`,
        `a whole number from 1 to 1000 with ${placement}()`,
        weight,
      )
  }
  return Int32Array.from(
    shards.flatMap(({ weight }, index) => Array.from({ length: weight }, () => index)),
  )
}
