import { bucketsOf } from './buckets.js'
import { fnv1a, mix } from './hashes.js'
import type { Placement } from './placement.js'

/**
 * Jump consistent hash: as balanced as `modulo`, and few keys move. The order of shards matters:
 * add and remove shards only at the end of the list, or nearly all keys move. Weights are whole
 * numbers.
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
        return buckets[jumpHash(mix(hash), mix(hash ^ 0x9e3779b9), buckets.length)]!
      }
    },
  }
}

/** Returns the bucket of a 64-bit key, which is given as two halves. */
export function jumpHash(high: number, low: number, buckets: number): number {
  let bucket = -1
  let next = 0
  while (next < buckets) {
    bucket = next
    // The low 64 bits of key * 2862933555777941757 + 1.
    const carry =
      highHalf(low, 0x87b0b0fd) + Math.imul(high, 0x87b0b0fd) + Math.imul(low, 0x27bb2ee6)
    low = (Math.imul(low, 0x87b0b0fd) + 1) | 0
    high = (carry + (low === 0 ? 1 : 0)) | 0
    next = Math.floor((bucket + 1) * (2 ** 31 / ((high >>> 1) + 1)))
  }
  return bucket
}

/** Returns the high half of the 64-bit product of two unsigned 32-bit numbers. */
function highHalf(a: number, b: number): number {
  const [a1, a0, b1, b0] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const lower = a0 * b1 + (middle & 0xffff)
  return a1 * b1 + (middle >>> 16) + (lower >>> 16)
}
