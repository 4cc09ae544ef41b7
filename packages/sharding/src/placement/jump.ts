import { bucketsOf } from './buckets.js'
import { fnv1a, mixed } from './hashes.js'
import type { Placement } from './placement.js'

/**
 * Jump consistent hash. The order of shards is part of it: one may come or go at the end of the
 * list only, else nearly everything moves. Weights are whole numbers.
 *
 * Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm" (2014),
 * https://arxiv.org/abs/1406.2294
 */
export function jump(): Placement {
  return {
    name: 'jump',
    build(shards) {
      const buckets = bucketsOf(shards, 'jump')
      return (text) => {
        const hash = fnv1a(text)
        return buckets[jumpHash(mixed(hash), mixed(hash ^ 0x9e3779b9), buckets.length)]!
      }
    },
  }
}

/** The bucket of a 64-bit key, given as two halves. */
export function jumpHash(high: number, low: number, buckets: number): number {
  let bucket = -1
  let next = 0
  while (next < buckets) {
    bucket = next
    // key * 2862933555777941757 + 1, of which the low 64 bits
    const carried =
      highHalf(low, 0x87b0b0fd) + Math.imul(high, 0x87b0b0fd) + Math.imul(low, 0x27bb2ee6)
    low = (Math.imul(low, 0x87b0b0fd) + 1) | 0
    high = (carried + (low === 0 ? 1 : 0)) | 0
    next = Math.floor((bucket + 1) * (2 ** 31 / ((high >>> 1) + 1)))
  }
  return bucket
}

/** Of the 64-bit product of two unsigned 32-bit numbers. */
function highHalf(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const lower = a0 * b1 + (middle & 0xffff)
  return a1 * b1 + (middle >>> 16) + (lower >>> 16)
}
