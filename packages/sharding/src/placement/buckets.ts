import { InvalidOptionError } from '@cache/core'
import type { WeightedShard } from './placement.js'

/**
 * The place of each bucket's shard, where placement knows only buckets: a shard of weight 2 has two
 * of them.
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
    shards.flatMap(({ weight }, place) => Array.from({ length: weight }, () => place)),
  )
}
