import { fnv1a, mix } from './hashes.js'
import type { Placement, WeightedShard } from './placement.js'

/**
 * Rendezvous hashing (highest random weight), the default. Each shard has a score for each key, and
 * the key is on the shard with the highest score. The order of shards does not matter. A shard that
 * is added takes only its own keys. The keys of a removed shard are spread over all others. Both
 * are in proportion to the weights.
 *
 * Source: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996); weights as
 * in https://www.ietf.org/archive/id/draft-ietf-bess-weighted-hrw-00.html
 */
export function rendezvous(): Placement {
  return {
    name: 'rendezvous',
    build(shards) {
      const seeds = Int32Array.from(shards, ({ name }) => mix(fnv1a(name)))
      return shards.every(({ weight }) => weight === shards[0]!.weight)
        ? byHash(seeds)
        : byWeightedHash(seeds, shards)
    },
  }
}

function byHash(seeds: Int32Array): (text: string) => number {
  return (text) => {
    const hash = fnv1a(text)
    let highest = -1
    let index = 0
    for (let i = 0; i < seeds.length; i++) {
      const score = mix(hash ^ seeds[i]!) >>> 0
      if (score > highest) {
        highest = score
        index = i
      }
    }
    return index
  }
}

/** Puts keys on the same shards as `byHash` if all weights are the same. */
function byWeightedHash(
  seeds: Int32Array,
  shards: readonly WeightedShard[],
): (text: string) => number {
  return (text) => {
    const hash = fnv1a(text)
    let highest = -1
    let index = 0
    for (let i = 0; i < seeds.length; i++) {
      const score = shards[i]!.weight / -Math.log(((mix(hash ^ seeds[i]!) >>> 0) + 0.5) / 2 ** 32)
      if (score > highest) {
        highest = score
        index = i
      }
    }
    return index
  }
}
