import { createHash } from 'node:crypto'
import { InvalidOptionError } from '@cache/core'
import type { Placement, WeightedShard } from './placement.js'

/**
 * Consistent hashing on a ring with exactly the points of libketama. It puts keys where libketama
 * does if the shards have the names that the servers have there (`10.0.0.1:6379`). The order of
 * shards does not matter.
 *
 * The ring of twemproxy (`distribution: ketama` with `hash: md5`) is the same for most weights, but
 * not for all: twemproxy rounds each share once more, so a server may have four points fewer. It
 * differs for 25, 47, 50 or 55 servers of equal weight.
 *
 * Source: https://github.com/RJ/ketama/blob/master/libketama/ketama.c
 * and https://github.com/twitter/twemproxy/blob/master/src/hashkit/nc_ketama.c
 */
export function ketama(): Placement {
  return {
    name: 'ketama',
    build(shards) {
      const ring = shards
        .flatMap((_, index) => pointsOf(shards, index))
        .sort((a, b) => a.point - b.point || a.index - b.index)
      const points = Uint32Array.from(ring, ({ point }) => point)
      const indexes = Int32Array.from(ring, ({ index }) => index)
      return (text) => {
        const hash = md5(text).readUInt32LE(0)
        let low = 0
        let high = points.length
        while (low < high) {
          const middle = (low + high) >>> 1
          if (points[middle]! < hash) low = middle + 1
          else high = middle
        }
        return indexes[low === points.length ? 0 : low]!
      }
    },
  }
}

/**
 * Returns the points of a shard: 40 digests for a shard of average weight, with four points each.
 * The share is computed in single precision, as libketama does.
 */
function pointsOf(
  shards: readonly WeightedShard[],
  index: number,
): { point: number; index: number }[] {
  const { name, weight } = shards[index]!
  const total = shards.reduce((sum, shard) => sum + shard.weight, 0)
  const digests = Math.floor(Math.fround(Math.fround(weight / total) * 40 * shards.length))
  if (digests < 1)
    throw new InvalidOptionError(
      `shards.${name}.weight`,
      'at least a fortieth of the average weight: with less, ketama() would give it no keys',
      weight,
    )
  return Array.from({ length: digests }, (_, i) => md5(`${name}-${i}`)).flatMap((digest) =>
    [0, 4, 8, 12].map((offset) => ({ point: digest.readUInt32LE(offset), index })),
  )
}

function md5(text: string): Buffer {
  return createHash('md5').update(text).digest()
}
