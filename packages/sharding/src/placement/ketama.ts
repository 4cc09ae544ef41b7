import { createHash } from 'node:crypto'
import { InvalidOptionError } from '@cache/core'
import type { Placement, WeightedShard } from './placement.js'

/**
 * Consistent hashing on a ring, point for point that of libketama: keys are where it puts them, if
 * the shards are named as the servers are there (`10.0.0.1:6379`). The order of shards is of no
 * account.
 *
 * twemproxy's ring (`distribution: ketama` with `hash: md5`) is the same for most weights, not for
 * all: it rounds a share once more, and may have four points fewer for a server. So it has for 25,
 * 47, 50 or 55 servers of equal weight.
 *
 * Source: https://github.com/RJ/ketama/blob/master/libketama/ketama.c
 * and https://github.com/twitter/twemproxy/blob/master/src/hashkit/nc_ketama.c
 */
export function ketama(): Placement {
  return {
    name: 'ketama',
    build(shards) {
      const ring = shards
        .flatMap((_, place) => pointsOf(shards, place))
        .sort((a, b) => a.point - b.point || a.place - b.place)
      const points = Uint32Array.from(ring, ({ point }) => point)
      const places = Int32Array.from(ring, ({ place }) => place)
      return (text) => {
        const hash = md5(text).readUInt32LE(0)
        let from = 0
        let to = points.length
        while (from < to) {
          const middle = (from + to) >>> 1
          if (points[middle]! < hash) from = middle + 1
          else to = middle
        }
        return places[from === points.length ? 0 : from]!
      }
    },
  }
}

/**
 * 40 digests for a shard of average weight, with four points each. The share is counted in single
 * precision, as it is there.
 */
function pointsOf(
  shards: readonly WeightedShard[],
  place: number,
): { point: number; place: number }[] {
  const { name, weight } = shards[place]!
  const total = shards.reduce((sum, shard) => sum + shard.weight, 0)
  const digests = Math.floor(Math.fround(Math.fround(weight / total) * 40 * shards.length))
  if (digests < 1)
    throw new InvalidOptionError(
      `shards.${name}.weight`,
      'a fortieth of the average weight at least: with less, ketama() would give it no keys',
      weight,
    )
  return Array.from({ length: digests }, (_, i) => md5(`${name}-${i}`)).flatMap((digest) =>
    [0, 4, 8, 12].map((at) => ({ point: digest.readUInt32LE(at), place })),
  )
}

function md5(text: string): Buffer {
  return createHash('md5').update(text).digest()
}
