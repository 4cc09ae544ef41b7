import { fnv1a, mixed } from './hashes.js'
import type { Placement, WeightedShard } from './placement.js'

/**
 * Highest random weight: each shard has a score for each key, and the highest has the key. The
 * order of shards is of no account; a shard that comes takes only what is to be its own, one that
 * goes leaves what it has to all others, both by weight. The default.
 *
 * Source: Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous" (1996); weights as
 * in https://www.ietf.org/archive/id/draft-ietf-bess-weighted-hrw-00.html
 */
export function rendezvous(): Placement {
  return {
    name: 'rendezvous',
    build(shards) {
      const seeds = Int32Array.from(shards, ({ name }) => mixed(fnv1a(name)))
      return shards.every(({ weight }) => weight === shards[0]!.weight)
        ? highest(seeds)
        : heaviest(seeds, shards)
    },
  }
}

function highest(seeds: Int32Array): (text: string) => number {
  return (text) => {
    const hash = fnv1a(text)
    let best = -1
    let place = 0
    for (let i = 0; i < seeds.length; i++) {
      const score = mixed(hash ^ seeds[i]!) >>> 0
      if (score > best) {
        best = score
        place = i
      }
    }
    return place
  }
}

/** Puts keys where `highest` does if all weights are the same. */
function heaviest(seeds: Int32Array, shards: readonly WeightedShard[]): (text: string) => number {
  return (text) => {
    const hash = fnv1a(text)
    let best = -1
    let place = 0
    for (let i = 0; i < seeds.length; i++) {
      const score = shards[i]!.weight / -Math.log(((mixed(hash ^ seeds[i]!) >>> 0) + 0.5) / 2 ** 32)
      if (score > best) {
        best = score
        place = i
      }
    }
    return place
  }
}
